"""btrfs, read without mounting.

Own code, because no library reads it whole (docs/decisions/btrfs-reader.md). It declines what it does not know, a log
tree that waits, and a filesystem of which a device is missing. Whatever it reads is checked against its checksum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

from imgtools.errors import BadImage, OddGuest, shorten
from imgtools.filesystems.btrfs.compression import Unpack
from imgtools.filesystems.btrfs.extents import Content, FileMap, Sectors
from imgtools.filesystems.btrfs.opening import Opened, open_devices
from imgtools.filesystems.btrfs.roots import Subvolume
from imgtools.filesystems.btrfs.structures import (
    BLOCK_GROUP_ITEM,
    BLOCK_GROUP_TREE,
    CSUM_TREE,
    DIR_INDEX,
    EXTENT_TREE,
    FREE_SPACE_TREE,
    FS_TREE,
    INODE_ITEM,
    LONGEST_NAME,
    MOST,
    NO_CHECKSUMS,
    ROOT_ITEM,
    XATTR_ITEM,
    DirEntry,
    Inode,
    RootItem,
    damaged,
    parse_dir_items,
    parse_inode,
    parse_stat,
    text,
)
from imgtools.filesystems.btrfs.superblock import BLOCK_GROUP_TREE_FLAG
from imgtools.filesystems.btrfs.usage import Device, Group, reserve, usage
from imgtools.filesystems.inodes import InodeFilesystem, mount_reader
from imgtools.filesystems.stream import buffered
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind, FileStat
from imgtools.records.usage import Usage
from imgtools.volumes.volume_file import DiskFile

LONGEST_LINK = 4096  # PATH_MAX
# Inodes are numbered anew in each subvolume: a number here is that of the tree and that of the inode in it.
TREE_SHIFT = 64
# What a snapshot has in the place of a subvolume in its original: an empty directory (BTRFS_EMPTY_SUBVOL_DIR_OBJECTID).
EMPTY = 1 << 128
EMPTY_NUMBER, EMPTY_MODE = 2, 0o755


def open_btrfs(devices: Sequence[DiskFile], unpack: Unpack) -> Btrfs | Declined:
    """Open the filesystem that lies on these devices, all of one UUID, or say why this reader leaves it to others.

    :param unpack: unpacks compressed extents.
    """
    name = devices[0].name
    try:
        opened = open_devices(devices)
        return opened if isinstance(opened, Declined) else Btrfs(opened, unpack)
    except (OddGuest, BadImage) as error:
        return Declined(name, error.message, damaged=True, hint=error.hint)


class Btrfs:
    """One filesystem with all its subvolumes.

    :raises OddGuest: a tree that it cannot do without is damaged, as of everything that reads it.
    """

    def __init__(self, opened: Opened, unpack: Unpack) -> None:
        self.name, self.superblock = opened.trees.name, opened.superblock
        self.trees, self.roots = opened.trees, opened.roots
        self._opened = opened
        checksums = opened.roots.need(CSUM_TREE, "checksum tree")
        self.sectors = Sectors(opened.trees, opened.superblock, opened.chunks, checksums, unpack)
        self._mounted: dict[int, InodeFilesystem | Declined] = {}

    def try_subvolumes(self) -> tuple[Subvolume, ...] | Declined:
        """All subvolumes but the top, in the order of their numbers, or why they cannot be listed."""
        try:
            return self.roots.subvolumes()
        except (OddGuest, BadImage) as error:
            return Declined(self.name, error.message, damaged=True, hint=error.hint)

    def mount(self, option: str = "", what: str = "") -> InodeFilesystem | Declined:
        """Mount the default subvolume, or the one of a mount option: ``subvol=PATH`` or ``subvolid=NUMBER``.

        :param what: the device, as a reason why not calls it.
        """
        what = what or self.name
        try:
            number = self._chosen(option)
            if number is None:
                return _nowhere(what, option.partition("=")[2])
            if number not in self._mounted:
                self._mounted[number] = self._mount(number, what)
            return self._mounted[number]
        except (OddGuest, BadImage) as error:
            return Declined(what, error.message, damaged=True, hint=error.hint)

    def _mount(self, number: int, what: str) -> InodeFilesystem | Declined:
        root = self.roots.find(number)
        if root is None or not root.references:
            return _nowhere(what, str(number))
        return mount_reader(what, BtrfsReader(self, root))

    def _chosen(self, option: str) -> int | None:
        """The number of the tree that a mount option means; None: there is none (btrfs(5), subvol and subvolid)."""
        name, _, value = option.partition("=")
        if name == "subvolid":
            found = _subvolume_number(value)
            return None if found is None else found or FS_TREE
        if name == "subvol":
            path = "/".join(part for part in value.split("/") if part)
            if not path:
                return FS_TREE
            return next((one.id for one in self.roots.subvolumes() if one.path == path), None)
        return self.roots.default()

    def usage(self) -> Usage:
        """As btrfs_statfs of a filesystem mounted read-only: the same for each subvolume."""
        has_group_tree = self.superblock.read_only_features & BLOCK_GROUP_TREE_FLAG
        kept = (EXTENT_TREE, CSUM_TREE, FREE_SPACE_TREE, *((BLOCK_GROUP_TREE,) if has_group_tree else ()))
        sizes = [root.used for number in kept if (root := self.roots.find(number)) is not None]
        holder = self.roots.need(BLOCK_GROUP_TREE if has_group_tree else EXTENT_TREE, "tree of block groups")
        devices = [Device(*one) for one in self._opened.sizes]
        return usage(self.superblock, list(self._groups(holder)), devices, reserve(self.superblock, sizes))

    def _groups(self, holder: RootItem) -> Iterator[Group]:
        for chunk in self._opened.chunks.chunks:
            raw = self.trees.item(holder, (chunk.start, BLOCK_GROUP_ITEM, chunk.length))
            if raw is None or len(raw) < 24:  # struct btrfs_block_group_item
                damaged(self.name, f"there is no block group at {chunk.start}")
            used, kind = int.from_bytes(raw[:8], "little"), int.from_bytes(raw[16:24], "little")
            if kind != chunk.kind or used > chunk.length:
                damaged(self.name, f"the block group at {chunk.start} is not what its chunk is")
            yield Group(kind, chunk.length, used)


def _subvolume_number(text: str) -> int | None:
    """Read a number as the kernel does, which takes one with a zero before it for octal (kstrtoull, base 0)."""
    if re.fullmatch(r"0[0-7]*", text):
        return int(text, 8)
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,19}", text) else None


def _nowhere(what: str, name: str) -> Declined:
    hint = "imgtools filesystems lists the subvolumes that there are"
    return Declined(what, f"it has no subvolume {shorten(name)}", damaged=True, hint=hint)


class BtrfsReader:
    """The files of a subvolume and of those inside it; implements :class:`imgtools.filesystems.inodes.InodeReader`."""

    ignores_case = False

    def __init__(self, filesystem: Btrfs, root: RootItem) -> None:
        self._filesystem = filesystem
        self._trees = filesystem.trees
        self._roots = {root.id: root}
        self._top = root.id << TREE_SHIFT | root.folder

    @property
    def root(self) -> int:
        return self._top

    def stat(self, inode: int) -> FileStat:
        root, number = self._place(inode)
        raw = self._trees.item(root, (number, INODE_ITEM, 0))
        stat = None if raw is None else parse_stat(raw, number, root.id)
        if stat is None:
            damaged(self._filesystem.name, f"there is no inode {number} in tree {root.id}")
        if inode & EMPTY:
            return FileStat(
                FileKind.DIRECTORY,
                0,
                EMPTY_MODE,
                links=1,
                inode=EMPTY_NUMBER,
                atime=stat.atime,
                mtime=stat.mtime,
                ctime=stat.ctime,
                tree=root.id,
            )
        return stat

    def _place(self, inode: int) -> tuple[RootItem, int]:
        """The tree and the number in it of one of our numbers."""
        tree = inode >> TREE_SHIFT & MOST
        root = self._roots.get(tree)
        if root is None:
            root = self._roots[tree] = self._filesystem.roots.need(tree, f"subvolume {tree}")
        return root, inode & MOST

    def _inode(self, inode: int) -> tuple[RootItem, Inode]:
        root, number = self._place(inode)
        raw = self._trees.item(root, (number, INODE_ITEM, 0))
        found = None if raw is None else parse_inode(raw, number)
        if found is None:
            damaged(self._filesystem.name, f"there is no inode {number} in tree {root.id}")
        return root, found

    def content(self, inode: int) -> BinaryIO:
        return buffered(self._content(inode))

    def _content(self, inode: int) -> Content:
        root, found = self._inode(inode)
        known, size = self._filesystem.superblock, found.stat.size
        stretches = FileMap(self._trees, known, root, found.stat.inode, size)
        is_checked = not found.flags & NO_CHECKSUMS
        return Content(stretches, self._filesystem.sectors, known.sector, size, is_checked=is_checked)

    # -- links and directories -----------------------------------------------------------------------------

    def link(self, inode: int) -> str:
        content = self._content(inode)
        size = self.stat(inode).size
        if size > LONGEST_LINK:
            damaged(self._filesystem.name, f"inode {inode & MOST} is a link of {size} bytes")
        return text(content.readall().split(b"\0")[0])

    def names(self, inode: int) -> dict[str, int]:
        if inode & EMPTY:
            return {}
        root, number = self._place(inode)
        above, found = root.id << TREE_SHIFT, dict[str, int]()
        for _key, raw in self._trees.items(root, (number, DIR_INDEX, 0), (number, DIR_INDEX, MOST)):
            for entry in self._entries(raw, number):
                leads_to, kind, _ = entry.place
                if kind == INODE_ITEM:
                    found[text(entry.name)] = above | leads_to
                else:
                    found[text(entry.name)] = self._subvolume(root, number, entry)
        return found

    def _entries(self, raw: bytes, number: int) -> list[DirEntry]:
        entries = parse_dir_items(raw)
        if entries is None or any(len(one.name) > LONGEST_NAME for one in entries):
            damaged(self._filesystem.name, f"an entry of inode {number} is cut")
        return entries

    def _subvolume(self, root: RootItem, folder: int, entry: DirEntry) -> int:
        """Where the name of a subvolume leads: to its root, or, in a snapshot, to nothing (btrfs_lookup_dentry)."""
        number, kind, _ = entry.place
        if kind != ROOT_ITEM:
            damaged(self._filesystem.name, f"a name in inode {folder} leads to an item of type {kind}")
        if not self._filesystem.roots.is_there(root.id, folder, entry.name, number):
            return EMPTY | root.id << TREE_SHIFT | folder
        child = self._filesystem.roots.find(number)
        return number << TREE_SHIFT | (child.folder if child is not None else 0)

    # -- attributes ----------------------------------------------------------------------------------------

    def xattrs(self, inode: int) -> Mapping[str, bytes]:
        if inode & EMPTY:
            return {}
        root, number = self._place(inode)
        items = self._trees.items(root, (number, XATTR_ITEM, 0), (number, XATTR_ITEM, MOST))
        return {text(one.name): one.value for _key, raw in items for one in self._entries(raw, number)}

    def usage(self) -> Usage:
        return self._filesystem.usage()
