"""Microsoft's disks: VHD (which QEMU calls vpc), fixed and dynamic, and VHDX.

Sources: Microsoft's "Virtual Hard Disk Image Format Specification" and [MS-VHDX]; block/vpc.c and block/vhdx.c
of QEMU.
"""

from __future__ import annotations

import struct
import sys
import uuid
from array import array

from imgtools.disk.headers.header import Header, damaged, differencing, piece
from imgtools.disk.headers.hostfile import HostFile
from imgtools.disk.headers.magic import VHD_FOOTER, VHD_MAGIC
from imgtools.errors import BadImage

FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4
# Programs whose images have the size that the footer says; for all others QEMU takes the geometry.
SIZE_COUNTS = (b"win ", b"qem2", b"d2v ", b"tap\0", b"CTXS")
LARGEST_GEOMETRY = 65535 * 16 * 255

BAT_REGION = uuid.UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
METADATA_REGION = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")
FILE_PARAMETERS = uuid.UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
DISK_SIZE = uuid.UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
FULLY_PRESENT, PARTLY_PRESENT = 6, 7
NOT_OURS = "convert it on the host that made it, with its parents"


def vhd_footer(file: HostFile) -> bytes:
    """Return the footer that QEMU would use (the copy at the start, else the one at the end), or nothing."""
    for offset in (0, file.size - VHD_FOOTER):
        footer = file.read(offset, VHD_FOOTER)
        if footer.startswith(VHD_MAGIC) and len(footer) == VHD_FOOTER and _checksum_fits(footer):
            return footer
    return b""


def _checksum_fits(footer: bytes) -> bool:
    told = int.from_bytes(footer[64:68], "big")
    return told == ~(sum(footer) - sum(footer[64:68])) & 0xFFFFFFFF


def read_vhd(file: HostFile, budget: int) -> Header:
    """Read a VHD by its footer, and for a dynamic one its block allocation table."""
    footer = vhd_footer(file)
    if not footer:
        raise BadImage(
            f"{file.name}: not a VHD: no footer with a right checksum",
            hint="the image is damaged; --format raw, if it is a raw disk all the same",
        )
    (data_offset, _, creator, _, _, _, _, current, cylinders, heads, sectors, kind) = struct.unpack_from(
        ">QI4sHH4sQQHBBI", footer, 16
    )
    geometry = cylinders * heads * sectors
    by_size = creator in SIZE_COUNTS or geometry == LARGEST_GEOMETRY
    size = current // 512 * 512 if by_size else geometry * 512
    if kind == DIFFERENCING:
        raise differencing(file, "VHD", NOT_OURS)
    if kind == FIXED:
        return Header("vpc", size, needs=size + VHD_FOOTER)
    if kind != DYNAMIC:
        raise damaged(file, f"unknown type of VHD: {kind}")
    return Header("vpc", size, needs=_dynamic_end(file, data_offset, budget))


def _dynamic_end(file: HostFile, offset: int, budget: int) -> int:
    head = piece(file, offset, 1024, "dynamic disk header")
    cookie, _, table, _, entries, block = struct.unpack_from(">8sQQIII", head)
    if cookie != b"cxsparse" or block < 512 or block & (block - 1):
        raise damaged(file, "impossible dynamic disk header")
    if table + entries * 4 > file.size:
        return int(table + entries * 4)
    used = [sector for sector in _big(file.read(table, min(entries * 4, budget))) if sector != 0xFFFFFFFF]
    bitmap = (block // 512 // 8 + 511) // 512 * 512
    return max(used, default=0) * 512 + bitmap + block if used else int(table + entries * 4)


def _big(data: bytes) -> array[int]:
    words = array("I", data[: len(data) // 4 * 4])
    if sys.byteorder == "little":
        words.byteswap()
    return words


def read_vhdx(file: HostFile, budget: int) -> Header:
    """Read a VHDX: both headers, the regions, and the block allocation table."""
    regions = _regions(file)
    if BAT_REGION not in regions or METADATA_REGION not in regions:
        raise damaged(file, "a VHDX without its tables")
    metadata_at, _ = regions[METADATA_REGION]
    block, flags = struct.unpack("<II", _metadata(file, metadata_at, FILE_PARAMETERS, 8))
    (size,) = struct.unpack("<Q", _metadata(file, metadata_at, DISK_SIZE, 8))
    if not 1 << 20 <= block <= 256 << 20 or block & (block - 1):
        raise damaged(file, f"impossible block size of {block} bytes")
    if flags & 2:
        raise differencing(file, "VHDX", NOT_OURS)
    offset, length = regions[BAT_REGION]
    needs = offset + length
    if needs <= file.size:
        # One entry for each block, and one for a bitmap after every so many: at most one more each.
        used = min(length, budget, 2 * 8 * (size // block + 2))
        entries = array("Q", _whole(file.read(offset, used), 8))
        if sys.byteorder == "big":
            entries.byteswap()
        present = (entry >> 20 << 20 for entry in entries if entry & 7 in (FULLY_PRESENT, PARTLY_PRESENT))
        needs = max(needs, max(present, default=-block) + block)
    return Header("vhdx", size, needs=needs, dirty=_log_in_use(file))


def _whole(data: bytes, size: int) -> bytes:
    return data[: len(data) // size * size]


def _regions(file: HostFile) -> dict[uuid.UUID, tuple[int, int]]:
    """Return offset and length of each region, from the first region table that is there."""
    for offset in (192 << 10, 256 << 10):
        table = file.read(offset, 64 << 10)
        if table[:4] != b"regi" or len(table) < 64 << 10:
            continue
        count = min(int.from_bytes(table[8:12], "little"), 2047)
        rows = (table[16 + row * 32 : 48 + row * 32] for row in range(count))
        return {uuid.UUID(bytes_le=row[:16]): struct.unpack_from("<QI", row, 16) for row in rows}
    raise damaged(file, "a VHDX without a region table")


def _metadata(file: HostFile, region: int, item: uuid.UUID, length: int) -> bytes:
    table = piece(file, region, 64 << 10, "metadata table")
    if table[:8] != b"metadata":
        raise damaged(file, "a VHDX without its metadata")
    count = min(int.from_bytes(table[10:12], "little"), 2047)
    for row in range(count):
        entry = table[32 + row * 32 : 64 + row * 32]
        if uuid.UUID(bytes_le=entry[:16]) == item:
            return piece(file, region + int.from_bytes(entry[16:20], "little"), length, "metadata")
    raise damaged(file, "a VHDX whose metadata lacks its size")


def _log_in_use(file: HostFile) -> bool:
    """Whether the newer of the two headers names a log that must be replayed."""
    newest, log = -1, bytes(16)
    for offset in (64 << 10, 128 << 10):
        header = file.read(offset, 64)
        if header[:4] == b"head" and len(header) == 64:
            sequence = int.from_bytes(header[8:16], "little")
            if sequence > newest:
                newest, log = sequence, header[48:64]
    return any(log)
