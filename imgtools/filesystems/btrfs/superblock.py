"""The superblock of btrfs, and what of it this reader leaves to others.

Source: Linux, include/uapi/linux/btrfs_tree.h (struct btrfs_super_block) and fs/btrfs/disk-io.c (btrfs_validate_super).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from imgtools.filesystems.btrfs.checksum import Checksum, checksum
from imgtools.volumes.volume_file import DiskFile

PLACE, SIZE = 64 << 10, 4096
COPIES = (64 << 20, 256 << 30)  # of which the kernel reads none by itself
MAGIC = b"_BHRfS_M"
CHUNK_ARRAY_AT, CHUNK_ARRAY_SIZE = 811, 2048
DEEPEST = 8  # BTRFS_MAX_LEVEL: levels are 0 to 7
LARGEST_SECTOR = 64 << 10

# incompat_flags that change nothing for a reader, or are understood here.
MIXED_GROUPS, METADATA_UUID, NO_HOLES = 0x4, 0x400, 0x200
KNOWN = 0x1 | 0x2 | MIXED_GROUPS | 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x100 | NO_HOLES | METADATA_UUID | 0x800
FOREIGN = {
    0x1000: "zoned",
    0x2000: "extent-tree-v2",
    0x4000: "raid-stripe-tree",
    0x10000: "simple-quota",
    0x20000: "remap-tree",
}
# compat_ro_flags: a free space tree and whether it is up to date, fs-verity, a tree for block groups.
BLOCK_GROUP_TREE_FLAG = 0x8
KNOWN_READ_ONLY = 0x1 | 0x2 | 0x4 | BLOCK_GROUP_TREE_FLAG
# Flags: written, in relocation, marked as having errors. Others mean that something else is being done to it.
PLAIN_FLAGS = 0x1 | 0x2 | 0x4
FLAGS = {
    1 << 32: "it is a seed for other filesystems",
    1 << 33: "it is a copy of metadata, without data (btrfs-image)",
    1 << 34: "it is a copy of metadata, without data (btrfs-image)",
    1 << 35: "its UUID is being changed (btrfstune)",
    1 << 36: "its UUID is being changed (btrfstune)",
    1 << 38: "it is being converted to a block group tree (btrfstune)",
    1 << 39: "its checksums are being changed (btrfstune)",
    1 << 40: "its checksums are being changed (btrfstune)",
}


class Superblock(NamedTuple):
    """The facts of one device's superblock that a reader needs."""

    fsid: bytes
    metadata_uuid: bytes  # what the headers of tree blocks have in the place of the UUID
    generation: int
    root: int
    root_level: int
    chunk_root: int
    chunk_root_level: int
    chunk_root_generation: int
    total_bytes: int
    devices: int
    sector: int
    node: int
    checksum: Checksum
    read_only_features: int
    system_chunks: bytes
    device: int  # the number of this device
    device_uuid: bytes
    device_fsid: bytes


_SUPER = struct.Struct("<32x16sQQ8sQQQQQQQQQIIIIIQQQQHBBB")


def read_superblock(disk: DiskFile) -> Superblock | str:
    """Read the superblock of one device, or say why it cannot serve."""
    raw = disk.read_at(PLACE, SIZE)
    found = parse_superblock(raw)
    if found == WRONG and any(not isinstance(_copy(disk, place), str) for place in COPIES):
        return (
            f"{WRONG}, and the kernel does not look at its copy, which is whole (btrfs rescue super-recover)"
        )
    return found


WRONG = "the checksum of its superblock is wrong"


def _copy(disk: DiskFile, place: int) -> Superblock | str:
    raw = disk.read_at(place, SIZE) if place + SIZE <= disk.size else b""
    return parse_superblock(raw, place)


def parse_superblock(raw: bytes, place: int = PLACE) -> Superblock | str:
    """Read a superblock from its 4096 bytes, or say why it cannot serve."""
    if len(raw) < SIZE or raw[64:72] != MAGIC:
        return "no btrfs superblock"
    # fmt: off
    (fsid, bytenr, flags, _magic, generation, root, chunk_root, log_root, _log_transid, total, _used, _folder,
     devices, sector, node, leaf, _stripe, array, chunk_generation, _compatible, read_only, incompatible,
     kind, root_level, chunk_level, _log_level) = _SUPER.unpack_from(raw)
    # fmt: on
    found = checksum(kind)
    if found is None:
        return f"a checksum of kind {kind}"
    if found.of(raw[32:]) != raw[: found.size]:
        return WRONG
    if reason := _foreign(flags, incompatible, read_only, log_root):
        return reason
    is_sane = (
        bytenr == place
        and _is_power(sector, 4096, LARGEST_SECTOR)
        and _is_power(node, sector, LARGEST_SECTOR)
        and leaf == node
        and max(root_level, chunk_level) < DEEPEST
        and not any(at % sector or not at for at in (root, chunk_root))
        and 0 < array <= CHUNK_ARRAY_SIZE
        and devices > 0
    )
    if not is_sane:
        return "its superblock contradicts itself"
    return Superblock(
        fsid=fsid,
        metadata_uuid=raw[571:587] if incompatible & METADATA_UUID else fsid,
        generation=generation,
        root=root,
        root_level=root_level,
        chunk_root=chunk_root,
        chunk_root_level=chunk_level,
        chunk_root_generation=chunk_generation,
        total_bytes=total,
        devices=devices,
        sector=sector,
        node=node,
        checksum=found,
        read_only_features=read_only,
        system_chunks=raw[CHUNK_ARRAY_AT : CHUNK_ARRAY_AT + array],
        device=int.from_bytes(raw[201:209], "little"),
        device_uuid=raw[267:283],
        device_fsid=raw[283:299],
    )


def _is_power(size: int, least: int, most: int) -> bool:
    return least <= size <= most and not size & (size - 1)


def _foreign(flags: int, incompatible: int, read_only: int, log_root: int) -> str:
    """Why this reader leaves a filesystem to others; empty: it does not."""
    if names := [name for flag, name in FOREIGN.items() if incompatible & flag]:
        return f"btrfs with {', '.join(names)}"
    if incompatible & ~KNOWN:
        return f"btrfs has unknown features {incompatible & ~KNOWN:#x}"
    if read_only & ~KNOWN_READ_ONLY:
        return (
            f"btrfs has unknown features (for reading they may not matter) {read_only & ~KNOWN_READ_ONLY:#x}"
        )
    if reason := next((words for flag, words in FLAGS.items() if flags & flag), ""):
        return f"btrfs: {reason}"
    if flags & ~PLAIN_FLAGS:
        return f"btrfs has unknown flags {flags & ~PLAIN_FLAGS:#x}"
    if log_root:
        return "the btrfs log tree has to be replayed first (it was not cleanly unmounted)"
    return ""
