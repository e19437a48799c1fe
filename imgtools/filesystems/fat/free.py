"""The free clusters of FAT12, FAT16 and FAT32: those whose entry in the table is zero."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import chain, groupby

from imgtools.records.disks import Declined
from imgtools.volumes.fat_boot_sector import Geometry, parse_boot_sector
from imgtools.volumes.ranges import Range, joined
from imgtools.volumes.volume_file import DiskFile

PIECE = 192 << 10  # bytes of the table at once: whole entries of each size


def free_clusters(disk: DiskFile) -> list[Range] | Declined:
    """Return the free clusters as bytes.

    The reserved bits of an entry of FAT32 count here: what has one of them set is left alone.
    """
    known = parse_boot_sector(disk.read_at(0, 512))
    if isinstance(known, str):
        return Declined(disk.name, f"FAT: {known}")
    first, size = known.data * known.sector, known.cluster_bytes
    return [
        (first + (start - 2) * size, first + (end - 2) * size) for start, end in joined(_zeros(disk, known))
    ]


def _zeros(disk: DiskFile, known: Geometry) -> Iterator[Range]:
    """Yield the runs of clusters whose entry is zero."""
    last = known.clusters + 2
    length = -(-last * known.bits // 8)
    for at in range(0, length, PIECE):
        raw = disk.read_exactly(known.table * known.sector + at, min(PIECE, length - at))
        cluster = at * 8 // known.bits
        for is_used, run in groupby(_entries(raw, known.bits), bool):
            count = sum(1 for _ in run)
            if not is_used:
                yield max(cluster, 2), min(cluster + count, last)
            cluster += count


def _entries(raw: bytes, bits: int) -> Iterator[int]:
    if bits == 12:
        raw += bytes(-len(raw) % 3)
        triples = (int.from_bytes(raw[at : at + 3], "little") for at in range(0, len(raw), 3))
        return chain.from_iterable((three & 0xFFF, three >> 12) for three in triples)
    return (one for (one,) in struct.iter_unpack("<H" if bits == 16 else "<I", raw))
