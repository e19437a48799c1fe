"""The small formats: vdi, parallels, luks, dmg, bochs, cloop, and raw.

Sources: block/{vdi,parallels,dmg,bochs,cloop}.c of QEMU; docs/interop/parallels.txt; the LUKS1 specification.
"""

from __future__ import annotations

import struct
import sys
from array import array

from imgtools.disk.headers.header import Header, damaged, differencing, piece
from imgtools.disk.headers.hostfile import HostFile
from imgtools.disk.headers.magic import DMG_TRAILER, PARALLELS_MAGICS

PARALLELS_IN_USE = 0x746F6E59


def read_raw(file: HostFile, budget: int) -> Header:
    """A raw image is its bytes; QEMU rounds its size up to whole sectors of 512."""
    size = -(-file.size // 512) * 512
    problems = () if size == file.size else (f"its size, {file.size} bytes, is not a multiple of 512",)
    return Header("raw", size, problems=problems)


def read_vdi(file: HostFile, budget: int) -> Header:
    """Read a VirtualBox disk; blocks are in the order of their allocation, so their number is the length."""
    head = piece(file, 0, 512, "header")
    map_at, data_at = struct.unpack_from("<II", head, 340)
    size, block, _, blocks, allocated = struct.unpack_from("<QIIII", head, 368)
    parent = head[440:456]
    if not block or block & (block - 1) or block > 1 << 28:
        raise damaged(file, f"impossible block size of {block} bytes")
    if any(parent):
        raise differencing(file, "VDI", "merge it in VirtualBox first")
    if blocks * block < size:
        raise damaged(file, f"a disk of {size} bytes in {blocks} blocks of {block}")
    needs = max(map_at + blocks * 4, data_at + allocated * block if allocated else 0)
    return Header("vdi", size, needs=needs)


def read_parallels(file: HostFile, budget: int) -> Header:
    """Read a Parallels disk and its block allocation table."""
    head = piece(file, 0, 64, "header")
    magic, _, _, _, tracks, entries, sectors, in_use = struct.unpack_from("<16sIIIIIQI", head)
    if not tracks or entries * 4 > 32 << 20:
        raise damaged(file, "impossible header fields")
    unit = tracks * 512 if magic == PARALLELS_MAGICS[1] else 512
    size = (sectors if magic == PARALLELS_MAGICS[1] else sectors & 0xFFFFFFFF) * 512
    needs = 64 + entries * 4
    if needs <= file.size:
        table = array("I", file.read(64, min(entries * 4, max(4, budget // 4 * 4))))
        if sys.byteorder == "big":
            table.byteswap()
        last = max(table, default=0)
        needs = max(needs, last * unit + tracks * 512 if last else 0)
    return Header("parallels", size, needs=needs, dirty=in_use == PARALLELS_IN_USE)


def read_luks(file: HostFile, budget: int) -> Header:
    """Read a LUKS1 header. QEMU 7.2 does not read LUKS2: such a disk is raw, with an encrypted volume on it."""
    head = piece(file, 0, 592, "header")
    payload = int.from_bytes(head[104:108], "big") * 512
    return Header("luks", max(0, file.size - payload), needs=payload, encryption="luks")


def read_bochs(file: HostFile, budget: int) -> Header:
    """Read a growing Bochs disk."""
    head = piece(file, 0, 512, "header")
    version = int.from_bytes(head[64:68], "little")
    size_at = 88 if version == 0x20000 else 84
    header_size, catalog = struct.unpack_from("<II", head, 68)
    return Header(
        "bochs", int.from_bytes(head[size_at : size_at + 8], "little"), needs=header_size + catalog * 4
    )


def read_cloop(file: HostFile, budget: int) -> Header:
    """Read a compressed loop image; its table of offsets ends with the length of the file."""
    block, blocks = struct.unpack(">II", piece(file, 128, 8, "header"))
    if not 512 <= block <= 64 << 20 or block % 512 or blocks > 1 << 26:
        raise damaged(file, "impossible header fields")
    end = int.from_bytes(piece(file, 136 + blocks * 8, 8, "offset table"), "big")
    return Header("cloop", block * blocks, needs=end)


def read_dmg(file: HostFile, budget: int) -> Header:
    """Read the trailer of an Apple disk image."""
    trailer = dmg_trailer(file)
    if not trailer:
        raise damaged(file, "an Apple disk image without its trailer")
    data_at, data_length, *_ = struct.unpack_from(">QQQQ", trailer, 24)
    sectors = int.from_bytes(trailer[492:500], "big")
    return Header("dmg", sectors * 512, needs=data_at + data_length)


def dmg_trailer(file: HostFile) -> bytes:
    """Return the 512 bytes at the end of an Apple disk image, or nothing."""
    trailer = file.read(file.size - 512, 512)
    return trailer if trailer[:8] == DMG_TRAILER + b"\0\0\0\x04" else b""
