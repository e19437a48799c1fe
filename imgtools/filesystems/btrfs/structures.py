"""What lies on a btrfs: keys, items and the numbers that name them. All is little-endian.

Source: Linux, include/uapi/linux/btrfs_tree.h and fs/btrfs/ctree.h.
"""

from __future__ import annotations

import struct
from typing import NamedTuple, NoReturn

from imgtools.errors import OddGuest
from imgtools.filesystems.inodes import KIND_OF_MODE
from imgtools.records.files import FileKind, FileStat

Key = tuple[int, int, int]  # object, type, offset: what a tree is sorted by
KEY = struct.Struct("<QBQ")
MOST = (1 << 64) - 1
BEHIND_ALL: Key = (1 << 64, 0, 0)  # greater than every key

# Trees (BTRFS_*_TREE_OBJECTID); subvolumes begin at 256.
ROOT_TREE, EXTENT_TREE, CHUNK_TREE, FS_TREE, ROOT_FOLDER, CSUM_TREE, FREE_SPACE_TREE = 1, 2, 3, 5, 6, 7, 10
BLOCK_GROUP_TREE = 11
FIRST_SUBVOLUME, LAST_SUBVOLUME = 256, MOST - 255  # BTRFS_FIRST_FREE_OBJECTID, BTRFS_LAST_FREE_OBJECTID
TOP_FOLDER = 256  # the inode of each subvolume's root
DEVICES, CHUNKS, CHECKSUMS = 1, 256, MOST - 9  # objects of the chunk tree and the checksum tree

# Types of items.
INODE_ITEM, INODE_REF, XATTR_ITEM, DIR_ITEM, DIR_INDEX, EXTENT_DATA = 1, 12, 24, 84, 96, 108
EXTENT_CSUM, ROOT_ITEM, ROOT_BACKREF, ROOT_REF, BLOCK_GROUP_ITEM = 128, 132, 144, 156, 192
DEV_ITEM, CHUNK_ITEM = 216, 228

LONGEST_NAME = 255  # BTRFS_NAME_LEN
NO_CHECKSUMS = 1  # BTRFS_INODE_NODATASUM in an inode's flags


def damage(name: str, what: str) -> OddGuest:
    """The error of a structure that cannot be."""
    return OddGuest(f"{name}: damaged btrfs: {what}", hint="btrfs check --readonly tells more")


def damaged(name: str, what: str) -> NoReturn:
    """Raise that error.

    :raises OddGuest: always.
    """
    raise damage(name, what)


# struct btrfs_inode_item: generation transid size nbytes block_group nlink uid gid mode rdev flags sequence reserved
# and four times (seconds, nanoseconds): of access, of change, of modification, of creation.
# Bytes; the kernel counts the room of a file in sectors of the filesystem, which are hardly ever of another size.
BLOCK = 4096
_INODE = struct.Struct("<16xQQ8xIIIIQQ40xqIqIqIqI")


class Inode(NamedTuple):
    """One inode, as far as a reader needs it."""

    stat: FileStat
    flags: int


def parse_stat(raw: bytes, number: int, tree: int = 0) -> FileStat | None:
    """The facts of an inode of a tree, None if it is none."""
    if len(raw) < _INODE.size:
        return None
    # fmt: off
    (size, used, links, uid, gid, mode, device, _flags,
     atime, atime_ns, ctime, ctime_ns, mtime, mtime_ns, otime, otime_ns) = _INODE.unpack_from(raw)
    # fmt: on
    kind = KIND_OF_MODE.get(mode & 0o170000)
    if kind is None or size >> 63:
        return None
    return FileStat(
        kind,
        size,
        mode & 0o7777,
        uid,
        gid,
        links,
        number,
        # The kernel's own form of a device number: 12 bits and 20 (include/linux/kdev_t.h).
        (device >> 20 & 0xFFF, device & 0xFFFFF)
        if kind is FileKind.CHARACTER or kind is FileKind.BLOCK
        else (0, 0),
        atime * 1_000_000_000 + atime_ns,
        mtime * 1_000_000_000 + mtime_ns,
        ctime * 1_000_000_000 + ctime_ns,
        otime * 1_000_000_000 + otime_ns,
        tree,
        room=used + -used % BLOCK,
    )


def parse_inode(raw: bytes, number: int) -> Inode | None:
    """An inode with its flags, None if it is none."""
    stat = parse_stat(raw, number)
    return None if stat is None else Inode(stat, int.from_bytes(raw[64:72], "little"))


class RootItem(NamedTuple):
    """The root of a tree (struct btrfs_root_item)."""

    id: int
    bytenr: int
    level: int
    generation: int
    folder: int = TOP_FOLDER  # the inode of its root directory
    references: int = 1  # 0: it is being deleted
    used: int = 0  # bytes of its blocks


_ROOT = struct.Struct("<160xQQQ8xQ16xI17xxB")
ROOT_SIZE = 239  # of the first form; later ones are longer


def parse_root(raw: bytes, number: int) -> RootItem | None:
    """A root, None if it is none."""
    if len(raw) < ROOT_SIZE:
        return None
    generation, folder, bytenr, used, references, level = _ROOT.unpack_from(raw)
    return RootItem(number, bytenr, level, generation, folder, references, used)


class DirEntry(NamedTuple):
    """One name, or one extended attribute (struct btrfs_dir_item)."""

    place: Key  # where it leads
    name: bytes
    value: bytes


_DIR = struct.Struct("<QBQ8xHHB")


def parse_dir_items(raw: bytes) -> list[DirEntry] | None:
    """The entries of one item, more than one where names have the same hash; None if they do not hold together."""
    found, at = [], 0
    while at < len(raw):
        if at + _DIR.size > len(raw):
            return None
        number, kind, offset, value_size, name_size, _type = _DIR.unpack_from(raw, at)
        at += _DIR.size
        end = at + name_size + value_size
        if end > len(raw) or not name_size:
            return None
        name = raw[at : at + name_size]
        found.append(DirEntry((number, kind, offset), name, raw[at + name_size : end]))
        at = end
    return found


def parse_root_ref(raw: bytes) -> tuple[int, bytes] | None:
    """The directory and the name of a subvolume in its parent (struct btrfs_root_ref)."""
    if len(raw) < 18:
        return None
    size = int.from_bytes(raw[16:18], "little")
    name = raw[18 : 18 + size]
    return (int.from_bytes(raw[:8], "little"), name) if size and len(name) == size else None


def text(name: bytes) -> str:
    """A name as the rest of the house has it."""
    return name.decode("utf-8", "surrogateescape")
