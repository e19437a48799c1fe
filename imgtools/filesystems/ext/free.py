"""The free blocks of ext2, ext3 and ext4, from the bitmaps of their groups.

Source: Linux, Documentation/filesystems/ext4/ (bitmaps, group descriptors) and fs/ext4/balloc.c
(ext4_init_block_bitmap: the bitmap of a group that was never used is not on the disk).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.filesystems.ext.inode import damaged
from imgtools.filesystems.ext.reader import (
    META_BG,
    SUPERBLOCK,
    ExtReader,
    Superblock,
    parse_superblock,
)
from imgtools.records.disks import Declined
from imgtools.volumes.ranges import Range, joined, without, zero_bits
from imgtools.volumes.volume_file import DiskFile

BLOCK_UNINIT = 2  # EXT4_BG_BLOCK_UNINIT in bg_flags
GDT_CSUM, METADATA_CSUM = (
    0x10,
    0x400,
)  # read-only compatible features: without one of them the flag means nothing
UNKNOWN_LAYOUT = 0x80 | 0x100000  # ro_compat: snapshots of a kernel that never was, shared blocks of Android


def free_blocks(disk: DiskFile) -> list[Range] | Declined:
    """Return the free blocks as bytes.

    :raises OddGuest: a descriptor leads out of the filesystem.
    """
    found = parse_superblock(disk.read_at(SUPERBLOCK, 1024))
    if isinstance(found, str):
        return Declined(disk.name, found)
    if found.ro_compatible & UNKNOWN_LAYOUT:
        return Declined(disk.name, "ext with blocks that several files share")
    reader, each = ExtReader(disk, found), found.cluster_blocks
    groups = [_Group(disk, found, reader.descriptor(number)) for number in range(found.groups)]
    # The bitmap of a group that was never used does not show them; of a cluster a part is as much as the whole.
    kept = joined(
        (start // each * each, -(-end // each) * each) for one in groups for start, end in one.tables
    )
    free = joined(place for number, group in enumerate(groups) for place in _free(disk, found, group, number))
    size = found.block_size
    return [(start * size, end * size) for start, end in without(free, kept)]


class _Group:
    """Where a group says that its tables are, in blocks."""

    __slots__ = ("bitmap", "tables", "uninitialised")

    def __init__(self, disk: DiskFile, known: Superblock, raw: bytes) -> None:
        bitmap, inodes, table = (_number(raw, at) for at in (0, 4, 8))
        length = -(-known.inodes_per_group * known.inode_size // known.block_size)
        self.bitmap = bitmap
        self.tables: tuple[Range, ...] = ((bitmap, bitmap + 1), (inodes, inodes + 1), (table, table + length))
        if any(end > known.blocks or not start for start, end in self.tables):
            damaged(disk, "the tables of a block group are outside the filesystem")
        flags = int.from_bytes(raw[18:20], "little")
        self.uninitialised = bool(flags & BLOCK_UNINIT and known.ro_compatible & (GDT_CSUM | METADATA_CSUM))


def _number(raw: bytes, at: int) -> int:
    high = int.from_bytes(raw[at + 32 : at + 36], "little") if len(raw) >= 64 else 0
    return int.from_bytes(raw[at : at + 4], "little") | high << 32


def _free(disk: DiskFile, known: Superblock, group: _Group, number: int) -> Iterator[Range]:
    """Yield the blocks of one group that its bitmap has as free."""
    start, each = known.first_block + number * known.blocks_per_group, known.cluster_blocks
    end = min(start + known.blocks_per_group, known.blocks)
    if group.uninitialised:
        yield start + -(-_head(known, number) // each) * each, end
        return
    raw = disk.read_exactly(group.bitmap * known.block_size, known.block_size)
    for first, last in zero_bits(raw, -(-(end - start) // each)):
        yield start + first * each, min(start + last * each, end)


def _head(known: Superblock, group: int) -> int:
    """The blocks at the beginning of a group that copies of the superblock and the descriptors take."""
    per_block = known.block_size // known.descriptor_size
    head = int(known.has_super(group))
    block = group // per_block
    if known.incompatible & META_BG and block >= known.first_meta_bg:
        first = block * per_block
        return head + int(group in (first, first + 1, first + per_block - 1))
    if not head:
        return 0
    descriptors = known.first_meta_bg if known.incompatible & META_BG else -(-known.groups // per_block)
    return head + descriptors + known.reserved_gdt
