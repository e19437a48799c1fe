"""The unused bytes of a btrfs on one device: free room in its block groups, and what no chunk has taken.

Source: Linux, fs/btrfs/volumes.c (BTRFS_DEVICE_RANGE_RESERVED), fs/btrfs/disk-io.h (btrfs_sb_offset) and
include/uapi/linux/btrfs_tree.h (extent items).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.filesystems.btrfs.chunks import DUP, Chunk
from imgtools.filesystems.btrfs.opening import Opened, open_devices
from imgtools.filesystems.btrfs.structures import EXTENT_TREE, MOST, damaged
from imgtools.records.disks import Declined
from imgtools.volumes.ranges import Range, joined, without
from imgtools.volumes.volume_file import DiskFile

EXTENT_ITEM, METADATA_ITEM = 168, 169
RESERVED = 1 << 20  # the begin of a device, where boot loaders are
SUPERBLOCKS = (64 << 10, 64 << 20, 256 << 30)  # copies of the superblock; 64 KiB around each are nobody's
SUPERBLOCK_ROOM = 64 << 10


def free_stretches(disk: DiskFile) -> list[Range] | Declined:
    """Return the unused stretches as bytes of the device.

    :raises OddGuest: a tree is damaged.
    """
    opened = open_devices([disk])
    if isinstance(opened, Declined):
        return opened
    used: list[Range] = [(0, RESERVED)]
    used += [(at, at + SUPERBLOCK_ROOM) for at in SUPERBLOCKS]
    for chunk in opened.chunks.chunks:
        if chunk.profile not in (0, DUP):
            return Declined(disk.name, "btrfs with a profile of several devices")
        taken = list(_used(opened, chunk))
        for _device, offset in chunk.stripes:
            used += [(offset + start, offset + end) for start, end in taken]
    size = min(opened.sizes[0][0], disk.size)
    return without([(0, size)], joined(used))


def _used(opened: Opened, chunk: Chunk) -> Iterator[Range]:
    """Yield the bytes of a chunk that extents take, counted from its beginning."""
    trees, node, end = opened.trees, opened.superblock.node, chunk.start
    root = opened.roots.need(EXTENT_TREE, "extent tree")
    low, high = (chunk.start, 0, 0), (chunk.end - 1, 0xFF, MOST)
    for (address, kind, number), _raw in trees.items(root, low, high):
        if kind not in (EXTENT_ITEM, METADATA_ITEM):
            continue
        length = number if kind == EXTENT_ITEM else node
        if address < end or address + length > chunk.end:
            damaged(trees.name, f"the extent at {address} overlaps another, or leaves its chunk")
        end = address + length
        yield address - chunk.start, end - chunk.start
