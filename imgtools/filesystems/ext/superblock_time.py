"""The times that an ext filesystem's superblock has of itself: what a reproducible image must not take from the clock.

Source: Linux, fs/ext4/ext4.h, struct ext4_super_block, and lib/ext2fs/csum.c of e2fsprogs.
"""

from __future__ import annotations

import struct
from pathlib import Path

SUPERBLOCK, SIZE = 1024, 1024
MTIME, WTIME, LASTCHECK, MKFS_TIME = 0x2C, 0x30, 0x40, 0x108
HIGH = (0x274, 0x275, 0x276, 0x277)  # the upper bytes of wtime, mtime, mkfs_time, lastcheck
FEATURES, METADATA_CSUM, CHECKSUM = 0x64, 0x400, 0x3FC


def set_superblock_times(host_path: Path, moment: int) -> None:
    """Say that a filesystem was last written, checked and made at ``moment``, in its first superblock."""
    with host_path.open("r+b") as stream:
        stream.seek(SUPERBLOCK)
        raw = bytearray(stream.read(SIZE))
        for at in (WTIME, LASTCHECK, MKFS_TIME):
            struct.pack_into("<I", raw, at, moment & 0xFFFFFFFF)
        for at in (HIGH[0], HIGH[2], HIGH[3]):
            raw[at] = moment >> 32 & 0xFF
        (features,) = struct.unpack_from("<I", raw, FEATURES)
        if features & METADATA_CSUM:
            from google_crc32c import value

            struct.pack_into("<I", raw, CHECKSUM, int(value(bytes(raw[:CHECKSUM]))) ^ 0xFFFFFFFF)
        stream.seek(SUPERBLOCK)
        stream.write(raw)
