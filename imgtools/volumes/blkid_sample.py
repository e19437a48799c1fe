"""A sketch of a volume: a sparse file in memory, as large as the volume, that holds only what blkid looks at.

The offsets are those of the magic numbers in libblkid (util-linux, libblkid/src/superblocks/): nearly all lie in
the first 576 KiB (UFS at 256 KiB and ZFS below 512 KiB are the last), RAID and ZFS keep theirs at the end, and a
few formats have one elsewhere. For NTFS, FAT32 and exFAT the label lies where the boot sector says, and so does the
metadata by which blkid knows BitLocker. The anchors of DDF and of UDF are followed.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack

from imgtools.errors import HostError
from imgtools.volumes.volume_file import DiskFile

HEAD = 576 << 10
TAIL = 576 << 10
# VMFS at 1 and 2 MiB, UDF's anchor at 1 MiB with blocks of 4 KiB, copies of the LUKS2 header up to 4 MiB.
PLACES = ((1 << 20, 8192), (2 << 20, 8192), (4 << 20, 4096))
LARGEST_PLACE = 1 << 17
LAST = 1 << 62  # of the places in a file
SECTOR = 512
DDF = b"\xde\x11\xde\x11"
ANCHOR, LOGICAL_VOLUME = 2, 6  # tags of UDF's descriptors


def draw_sketch(disk: DiskFile) -> int:
    """Return the descriptor of the sketch; the caller closes it."""
    descriptor = os.memfd_create("imgtools-sketch", os.MFD_CLOEXEC)
    with ExitStack() as stack:
        stack.callback(os.close, descriptor)
        try:
            os.ftruncate(descriptor, disk.size)
            head = disk.read_at(0, HEAD)
            _copy(descriptor, 0, head)
            following = (*label_places(head), *ddf_places(disk), *udf_places(disk))
            for offset, length in (*PLACES, (max(HEAD, disk.size - TAIL), TAIL), *following):
                if offset < disk.size:
                    _copy(descriptor, offset, disk.read_at(offset, length))
        except OSError as error:
            raise HostError(
                f"no memory for a sketch of {disk.name}: {os.strerror(error.errno or 0)}"
            ) from None
        stack.pop_all()
    return descriptor


def _copy(descriptor: int, offset: int, content: bytes) -> None:
    """Write what is not zero, in pages, so that holes stay holes."""
    for start in range(0, len(content), 4096):
        page = content[start : start + 4096]
        if page.count(0) != len(page):
            os.pwrite(descriptor, page, offset + start)


def label_places(head: bytes) -> Iterator[tuple[int, int]]:
    """Where a volume keeps its label or metadata, if its first sector says so: offset and length in bytes."""
    if len(head) < 512:
        return
    yield from _bitlocker_places(head)
    if head[3:11] == b"NTFS    ":
        sector, per_cluster = struct.unpack_from("<HB", head, 11)
        if per_cluster > 128:  # a power of two, stored as a negative exponent
            per_cluster = 1 << min(256 - per_cluster, 16)
        (table,) = struct.unpack_from("<Q", head, 48)
        yield (
            min(table * sector * per_cluster, 1 << 62),
            4 * 4096,
        )  # the first four records: $Volume is the last
    elif head[3:11] == b"EXFAT   ":
        table, _length, data, _count, root = struct.unpack_from("<IIIII", head, 80)
        sector, cluster = 1 << min(head[108], 12), 1 << min(head[108] + head[109], 25)
        yield data * sector + (max(root, 2) - 2) * cluster, min(cluster, LARGEST_PLACE)
        yield table * sector + root * 4 // 512 * 512, 512
    elif head[82:87] == b"FAT32":
        sector, per_cluster, reserved, tables = struct.unpack_from("<HBHB", head, 11)
        (length,) = struct.unpack_from("<I", head, 36)
        (root,) = struct.unpack_from("<I", head, 44)
        data = reserved + tables * length
        yield (data + (max(root, 2) - 2) * per_cluster) * sector, min(per_cluster * sector, LARGEST_PLACE)
        yield reserved * sector + root * 4 // 512 * 512, 512


def ddf_places(disk: DiskFile) -> Iterator[tuple[int, int]]:
    """The headers of a DDF RAID, which an anchor at the end of the disk names (SNIA, Common RAID Disk Data Format)."""
    for back in (1, 257):  # sectors; some adapters keep the last 256 for themselves
        anchor = disk.read_at(max(disk.size // SECTOR - back, 0) * SECTOR, SECTOR)
        if len(anchor) == SECTOR and anchor[:4] in (DDF, DDF[::-1]):
            order = ">" if anchor[:4] == DDF else "<"
            for header in struct.unpack_from(f"{order}QQ", anchor, 96):
                yield min(header * SECTOR, LAST), SECTOR


def udf_places(disk: DiskFile) -> Iterator[tuple[int, int]]:
    """The descriptors of a UDF volume, which its anchors name, and what they name (ECMA-167, 3/8.4.2, 10.2, 10.6)."""
    for block in (512, 1024, 2048, 4096):
        last = disk.size // block - 1
        for place in (256, last - 256, last):
            anchor = disk.read_at(place * block, 32) if 0 < place <= last else b""
            if len(anchor) < 32 or struct.unpack_from("<H10xI", anchor) != (ANCHOR, place):
                continue
            main_length, main, reserve_length, reserve = struct.unpack_from("<IIII", anchor, 16)
            for start, length in ((main, main_length), (reserve, reserve_length)):
                yield start * block, min(length, LARGEST_PLACE)
                yield from _udf_integrity(disk, start * block, min(length, LARGEST_PLACE), block)


def _udf_integrity(disk: DiskFile, start: int, length: int, block: int) -> Iterator[tuple[int, int]]:
    """Where the logical volume descriptor among these says that its integrity descriptors are."""
    descriptors = disk.read_at(start, length) if start < disk.size else b""
    for at in range(0, len(descriptors) - 440 + 1, block):
        if struct.unpack_from("<H", descriptors, at) == (LOGICAL_VOLUME,):
            size, place = struct.unpack_from("<II", descriptors, at + 432)
            yield place * block, min(size, LARGEST_PLACE)


def _bitlocker_places(head: bytes) -> Iterator[tuple[int, int]]:
    """The first copy of BitLocker's metadata: of Windows 7 and later, of Vista, and of BitLocker To Go (libbde)."""
    if head[3:11] == b"-FVE-FS-" and head[0:3] == b"\xeb\x52\x90":
        sector, per_cluster = struct.unpack_from("<HB", head, 11)
        (cluster,) = struct.unpack_from("<Q", head, 56)
        place = cluster * sector * per_cluster
    elif head[3:11] == b"-FVE-FS-":
        (place,) = struct.unpack_from("<Q", head, 176)
    elif head[3:11] == b"MSWIN4.1":
        (place,) = struct.unpack_from("<Q", head, 440)
    else:
        return
    yield min(place, 1 << 62), 4096
