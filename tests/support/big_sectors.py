"""Disks with logical sectors of 4096 bytes, as files: a GPT tells so itself, an MBR does not."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from tests.support.volumes import make_ext

SECTOR = 4096
MIB = 1 << 20
FIRST = MIB // SECTOR  # where the partition begins
LINUX = bytes.fromhex("af3dc60f838472478e793d69d8477de4")  # 0FC63DAF-8483-4772-8E79-3D69D8477DE4


def _guest(folder: Path, name: str) -> bytes:
    """A small Linux on ext4."""
    tree = folder / f"{name}-tree"
    for one in ("etc", "bin", "usr", "boot", "var"):
        (tree / one).mkdir(parents=True)
    (tree / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\nNAME=Debian\nPRETTY_NAME="Debian 12"\n')
    (tree / "etc/hostname").write_text(f"{name}\n")
    (tree / "etc/fstab").write_text("/dev/sda1 / ext4 defaults 0 1\n")
    return make_ext(folder / f"{name}.part", tree, "-t", "ext4", "-b", "4096", size=16 * MIB).read_bytes()


def mbr_disk(folder: Path) -> Path:
    """A disk with an MBR, in which one logical partition lies in an extended one; all figures count large sectors."""
    part = _guest(folder, "on-mbr")
    count = len(part) // SECTOR
    raw = bytearray(MIB + len(part) + 2 * MIB)
    struct.pack_into("<B3xB3xII", raw, 446, 0x80, 0x83, FIRST, count)
    extended = FIRST + count
    struct.pack_into("<B3xB3xII", raw, 462, 0, 0x05, extended, 256)
    raw[510:512] = b"\x55\xaa"
    struct.pack_into("<B3xB3xII", raw, extended * SECTOR + 446, 0, 0x82, 8, 128)
    raw[extended * SECTOR + 510 : extended * SECTOR + 512] = b"\x55\xaa"
    raw[MIB : MIB + len(part)] = part
    return _written(folder / "mbr.img", raw)


def gpt_disk(folder: Path) -> Path:
    """A disk with a GPT and both of its copies."""
    part = _guest(folder, "on-gpt")
    raw = bytearray(MIB + len(part) + MIB)
    sectors = len(raw) // SECTOR
    entries = bytearray(16384)
    struct.pack_into("<16s16sQQ", entries, 0, LINUX, b"P" * 16, FIRST, FIRST + len(part) // SECTOR - 1)
    struct.pack_into("<B3xB3xII", raw, 446, 0, 0xEE, 1, sectors - 1)
    raw[510:512] = b"\x55\xaa"
    for place, other, table in ((1, sectors - 1, 2), (sectors - 1, 1, sectors - 5)):
        head = bytearray(92)
        struct.pack_into("<8sIIII", head, 0, b"EFI PART", 0x10000, 92, 0, 0)
        struct.pack_into("<QQQQ16s", head, 24, place, other, 6, sectors - 6, b"D" * 16)
        struct.pack_into("<QIII", head, 72, table, 128, 128, zlib.crc32(entries))
        struct.pack_into("<I", head, 16, zlib.crc32(head))
        raw[place * SECTOR : place * SECTOR + 92] = head
        raw[table * SECTOR : table * SECTOR + len(entries)] = entries
    raw[MIB : MIB + len(part)] = part
    return _written(folder / "gpt.img", raw)


def _written(path: Path, raw: bytearray) -> Path:
    path.write_bytes(raw)
    return path
