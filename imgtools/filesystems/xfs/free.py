"""The free blocks of XFS, from the tree of free extents of each allocation group.

Source: fs/xfs/libxfs/xfs_format.h (xfs_agf, xfs_btree_block, xfs_alloc_rec) and xfs_alloc_btree.c. The few blocks that
a group keeps for its trees (its free list) are in no tree, and stay as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NoReturn

from imgtools.filesystems.xfs.inode import damaged
from imgtools.filesystems.xfs.reader import Superblock, parse_superblock
from imgtools.records.disks import Declined
from imgtools.volumes.ranges import Range, joined
from imgtools.volumes.volume_file import DiskFile

AGF_MAGIC = b"XAGF"
TREE_MAGICS = (b"ABTB", b"AB3B")  # free extents by block number, without and with checksums
DEEPEST = 9  # XFS_BTREE_MAXLEVELS


def free_extents(disk: DiskFile) -> list[Range] | Declined:
    """Return the free extents as bytes.

    :raises OddGuest: a tree is damaged.
    """
    raw = disk.read_at(0, 512)
    found = parse_superblock(raw)
    if isinstance(found, str):
        return Declined(disk.name, found)
    sector = int.from_bytes(raw[102:104], "big")
    known = found.geometry
    free: list[Range] = []
    for group in range(known.groups):
        first = group * known.group_blocks
        for start, count in _Group(disk, found, group, sector).extents():
            free.append(((first + start) * known.block_size, (first + start + count) * known.block_size))
    return joined(free)


class _Group:
    """One allocation group."""

    def __init__(self, disk: DiskFile, superblock: Superblock, group: int, sector: int) -> None:
        self._disk, self._known = disk, superblock.geometry
        self._group = group
        self._start = group * self._known.group_blocks * self._known.block_size
        self._blocks = min(self._known.group_blocks, self._known.blocks - group * self._known.group_blocks)
        raw = disk.read_exactly(self._start + sector, 64)
        number, length, root = struct.unpack_from(">III", raw, 8)
        (level,) = struct.unpack_from(">I", raw, 28)
        if raw[:4] != AGF_MAGIC or number != group or length != self._blocks or not 0 < level <= DEEPEST:
            self._bad("the header of its free room is none")
        self._root, self._levels = root, level
        self._left = self._blocks  # blocks of the tree that may be read: no more than there are

    def extents(self) -> Iterator[tuple[int, int]]:
        """Yield first block in the group and number of blocks, in order."""
        end = 0
        for start, count in self._walk(self._root, self._levels - 1):
            if start < end or not count or start + count > self._blocks:
                self._bad("its free extents are not in order")
            end = start + count
            yield start, count

    def _walk(self, block: int, level: int) -> Iterator[tuple[int, int]]:
        size, header = self._known.block_size, 56 if self._known.v5 else 16
        self._left -= 1
        if not 0 < block < self._blocks or self._left < 0:
            self._bad("its tree of free extents leads out of it, or in a circle")
        raw = self._disk.read_exactly(self._start + block * size, size)
        found, count = struct.unpack_from(">HH", raw, 4)
        room = (size - header) // (8 if not level else 12)
        if raw[:4] not in TREE_MAGICS or found != level or count > room:
            self._bad("a block of its tree of free extents is none")
        if not level:
            yield from struct.iter_unpack(">II", raw[header : header + count * 8])
            return
        pointers = header + room * 8
        for (below,) in struct.iter_unpack(">I", raw[pointers : pointers + count * 4]):
            yield from self._walk(below, level - 1)

    def _bad(self, what: str) -> NoReturn:
        damaged(self._disk, f"allocation group {self._group}: {what}")
