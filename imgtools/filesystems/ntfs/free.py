"""The free clusters of NTFS, from ``$Bitmap``, whose record is the seventh of the file table.

Source: ntfs-3g, include/ntfs-3g/layout.h (NTFS_BOOT_SECTOR). Read without a library: of the whole filesystem, only the
boot sector, one record and the clusters of one attribute are looked at.
"""

from __future__ import annotations

import struct
from typing import NoReturn

from imgtools.errors import OddGuest
from imgtools.filesystems.ntfs.record import ATTRIBUTE_LIST, DATA, parse_record
from imgtools.records.disks import Declined
from imgtools.volumes.ranges import Range, zero_bits
from imgtools.volumes.volume_file import DiskFile

CLUSTER_BITMAP = 6
LARGEST_BITMAP = 1 << 29  # bytes; Windows' largest volume, 2^32 clusters, has one of so many


def free_clusters(disk: DiskFile) -> list[Range] | Declined:
    """Return the free clusters as bytes.

    :raises OddGuest: ``$Bitmap`` is damaged.
    """
    raw = disk.read_at(0, 512)
    if raw[3:11] != b"NTFS    " or len(raw) < 512:
        return Declined(disk.name, "no boot sector of NTFS")
    sector, per_cluster = struct.unpack_from("<HB", raw, 11)
    sectors, table = struct.unpack_from("<QQ", raw, 40)
    # More than 64 KiB are said by the negative logarithm, as is the size of a record.
    cluster = sector * (per_cluster if per_cluster <= 128 else 1 << 256 - per_cluster)
    (each,) = struct.unpack_from("<b", raw, 64)
    record = 1 << -each if each < 0 else each * cluster
    if (
        sector not in (256, 512, 1024, 2048, 4096)
        or not 512 <= cluster <= 2 << 20
        or not 256 <= record <= 1 << 16
    ):
        return Declined(disk.name, "its boot sector is no NTFS'")
    count = sectors * sector // cluster
    if count * cluster > disk.size:
        return Declined(disk.name, f"the filesystem has {count * cluster} bytes and its volume {disk.size}")
    bitmap = _bitmap(disk, table * cluster + CLUSTER_BITMAP * record, record, cluster, count)
    if isinstance(bitmap, Declined):
        return bitmap
    return [(start * cluster, end * cluster) for start, end in zero_bits(bitmap, count)]


def _bitmap(disk: DiskFile, place: int, size: int, cluster: int, count: int) -> bytes | Declined:
    found = parse_record(disk.read_exactly(place, size))
    if found is None or not found.in_use:
        _damaged(disk, "the record of $Bitmap is torn or none")
    if found.first(ATTRIBUTE_LIST) is not None:
        return Declined(disk.name, "$Bitmap lies in several records")
    data = found.first(DATA, "")
    wanted = -(-count // 8)
    if data is None or data.size < wanted or wanted > LARGEST_BITMAP:
        _damaged(disk, "$Bitmap has no bit for some clusters")
    if data.value is not None:
        return data.value[:wanted]
    if sum(length for _start, length in data.runs) * cluster < wanted:
        _damaged(disk, "$Bitmap ends before its clusters do")
    parts: list[bytes] = []
    for start, length in data.runs:
        if start is None:
            _damaged(disk, "$Bitmap has a hole")
        parts.append(disk.read_exactly(start * cluster, min(length * cluster, wanted - sum(map(len, parts)))))
    return b"".join(parts)


def _damaged(disk: DiskFile, what: str) -> NoReturn:
    raise OddGuest(f"{disk.name}: damaged NTFS: {what}", hint="ntfsfix -n tells more")
