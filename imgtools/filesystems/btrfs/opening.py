"""From the devices of a btrfs to its trees: superblocks, chunks, the tree of roots.

Source: Linux, fs/btrfs/disk-io.c (open_ctree) and fs/btrfs/volumes.c (btrfs_read_sys_array, btrfs_read_chunk_tree).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from imgtools.errors import OddGuest
from imgtools.filesystems.btrfs.chunks import Chunk, ChunkMap, parse_array, parse_chunk
from imgtools.filesystems.btrfs.roots import Roots
from imgtools.filesystems.btrfs.structures import (
    CHUNK_ITEM,
    CHUNK_TREE,
    CHUNKS,
    DEV_ITEM,
    DEVICES,
    FS_TREE,
    MOST,
    ROOT_TREE,
    RootItem,
    damaged,
)
from imgtools.filesystems.btrfs.superblock import Superblock, read_superblock
from imgtools.filesystems.btrfs.trees import Trees
from imgtools.records.disks import MORE_DISKS, Declined
from imgtools.volumes.volume_file import DiskFile

DEV_ITEM_SIZE = 98


class Opened(NamedTuple):
    """A filesystem whose trees can be read; ``sizes`` are those of its devices, and what chunks have of each."""

    superblock: Superblock
    chunks: ChunkMap
    trees: Trees
    roots: Roots
    sizes: tuple[tuple[int, int], ...]


class _Member(NamedTuple):
    """One device with its superblock."""

    file: DiskFile
    superblock: Superblock


def open_devices(devices: Sequence[DiskFile]) -> Opened | Declined:
    """Open a filesystem.

    :raises OddGuest: it is damaged.
    """
    name = devices[0].name
    members: dict[int, _Member] = {}
    for file in devices:
        found = read_superblock(file)
        if isinstance(found, str):
            return Declined(file.name, found)
        if found.device in members:
            other = members[found.device].file.name
            return Declined(
                name, f"device {found.device} of this btrfs is there twice: {other} and {file.name}"
            )
        if found.device_fsid != found.metadata_uuid and found.device_fsid != found.fsid:
            return Declined(name, "btrfs: it has grown from a seed, which is another filesystem")
        members[found.device] = _Member(file, found)
    # The superblock written last counts, as for the kernel (btrfs_open_devices).
    newest = max(members.values(), key=lambda member: member.superblock.generation).superblock
    files = {number: member.file for number, member in members.items()}
    return _open(name, newest, files, members)


def _open(
    name: str, superblock: Superblock, files: dict[int, DiskFile], members: dict[int, _Member]
) -> Opened | Declined:
    chunks = ChunkMap(name, files)
    first = parse_array(superblock.system_chunks, superblock.sector)
    if isinstance(first, str):
        damaged(name, first)
    chunks.replace(first)
    trees = Trees(name, superblock, chunks)
    top = RootItem(
        CHUNK_TREE, superblock.chunk_root, superblock.chunk_root_level, superblock.chunk_root_generation
    )
    if (reason := _missing(trees, name, top, superblock, members)) is not None:
        return reason
    sizes = tuple(_sizes(trees, top))
    chunks.replace(_chunks(trees, top, superblock, first))
    chunks.check_devices()
    roots = Roots(trees, RootItem(ROOT_TREE, superblock.root, superblock.root_level, superblock.generation))
    roots.need(FS_TREE, "top subvolume")
    return Opened(superblock, chunks, trees, roots, sizes)


def _device_items(trees: Trees, top: RootItem) -> list[tuple[int, bytes]]:
    found = []
    for (_, _, number), raw in trees.items(top, (DEVICES, DEV_ITEM, 0), (DEVICES, DEV_ITEM, MOST)):
        if len(raw) < DEV_ITEM_SIZE:
            damaged(trees.name, f"the item of device {number} is cut")
        found.append((number, raw))
    return found


def _missing(
    trees: Trees, name: str, top: RootItem, superblock: Superblock, members: dict[int, _Member]
) -> Declined | None:
    """Why a filesystem is not whole: a device is missing, without which Linux does not mount it either.

    Where the tree of chunks cannot be read because a device is missing, that is said, too.
    """
    hint = MORE_DISKS if len(members) < superblock.devices else ""
    items = _device_items(trees, top) if not hint or _is_readable(trees, top) else []
    for number, raw in items:
        uuid, fsid = raw[66:82], raw[82:98]
        if fsid not in (superblock.metadata_uuid, superblock.fsid):
            return Declined(name, "btrfs: it has grown from a seed, which is another filesystem")
        if number not in members:
            reason = f"device {number} of this btrfs is missing (UUID_SUB {_format(uuid)})"
            return Declined(name, reason, damaged=True, hint=MORE_DISKS)
        if members[number].superblock.device_uuid != uuid:
            return Declined(name, f"device {number} of this btrfs is not the one that belongs to it")
    if hint:
        reason = f"{superblock.devices - len(members)} of the {superblock.devices} devices of this btrfs are missing"
        return Declined(name, reason, damaged=True, hint=hint)
    if len(items) != superblock.devices:
        damaged(name, f"it has {len(items)} devices and says {superblock.devices}")
    return None


def _is_readable(trees: Trees, top: RootItem) -> bool:
    try:
        _device_items(trees, top)
    except OddGuest:
        return False
    return True


def _format(uuid: bytes) -> str:
    text = uuid.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _sizes(trees: Trees, top: RootItem) -> list[tuple[int, int]]:
    return [
        (int.from_bytes(raw[8:16], "little"), int.from_bytes(raw[16:24], "little"))
        for _number, raw in _device_items(trees, top)
    ]


def _chunks(trees: Trees, top: RootItem, superblock: Superblock, first: Sequence[Chunk]) -> list[Chunk]:
    """All chunks: those of the superblock are in the tree, too."""
    found = {chunk.start: chunk for chunk in first}
    for (_, _, start), raw in trees.items(top, (CHUNKS, CHUNK_ITEM, 0), (CHUNKS, CHUNK_ITEM, MOST)):
        chunk = parse_chunk(raw, start, superblock.sector)
        if isinstance(chunk, str):
            damaged(trees.name, chunk)
        found.setdefault(start, chunk)  # as read_one_chunk: what is mapped stays so
    return list(found.values())
