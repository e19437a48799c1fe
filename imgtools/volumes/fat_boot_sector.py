"""The boot sector of FAT: a partition table begins with the same bytes, so who looks for one reads this too."""

from __future__ import annotations

import struct
from typing import NamedTuple

DIRECTORY_ENTRY = 32  # bytes
MOST_FAT12 = 4084  # clusters; one more makes it FAT16 (MAX_FAT12 of Linux)


class Geometry(NamedTuple):
    """The facts of the boot sector. Places and lengths are in sectors, unless they say otherwise."""

    bits: int
    sector: int  # bytes
    per_cluster: int
    table: int
    table_bytes: int
    root: int  # of the fixed root directory of FAT12 and FAT16
    root_bytes: int
    root_cluster: int  # of FAT32
    data: int
    clusters: int

    @property
    def cluster_bytes(self) -> int:
        """The size of a cluster in bytes."""
        return self.sector * self.per_cluster


def parse_boot_sector(raw: bytes) -> Geometry | str:
    """Read the boot sector, or say what is wrong with it."""
    if len(raw) < 512:
        return "no boot sector"
    sector, per_cluster, reserved, tables, entries, small, _media, length = struct.unpack_from(
        "<HBHBHHBH", raw, 11
    )
    (large,) = struct.unpack_from("<I", raw, 32)
    table_length, root_cluster, bits = length, 0, 0
    if not length:
        table_length, _flags, version, root_cluster = struct.unpack_from("<IHHI", raw, 36)
        bits = 32
        if version:
            return f"FAT32 version {version}"
    powers = sector in (512, 1024, 2048, 4096) and per_cluster in (1, 2, 4, 8, 16, 32, 64, 128)
    if not powers or not reserved or not tables or not table_length:
        return "its boot sector is no FAT's"
    root = reserved + tables * table_length
    data = root + -(-entries * DIRECTORY_ENTRY // sector)
    sectors = small or large
    clusters = max(0, sectors - data) // per_cluster
    bits = bits or (16 if clusters > MOST_FAT12 else 12)
    clusters = min(clusters, table_length * sector * 8 // bits - 2)
    if clusters < 1:
        return "it has no clusters"
    return Geometry(
        bits,
        sector,
        per_cluster,
        reserved,
        table_length * sector,
        root,
        entries * DIRECTORY_ENTRY,
        root_cluster,
        data,
        clusters,
    )
