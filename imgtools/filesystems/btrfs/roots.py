"""The subvolumes of a btrfs: their trees, their paths, and which is mounted if nobody says which.

Source: Linux, fs/btrfs/disk-io.c (btrfs_get_fs_root), fs/btrfs/super.c (get_default_subvol_objectid), and btrfs-progs'
cmds/subvolume-list.c, which the appliance lists them with.
"""

from __future__ import annotations

from typing import NamedTuple

from imgtools.filesystems.btrfs.structures import (
    DIR_ITEM,
    FIRST_SUBVOLUME,
    FS_TREE,
    INODE_REF,
    LAST_SUBVOLUME,
    MOST,
    ROOT_BACKREF,
    ROOT_FOLDER,
    ROOT_ITEM,
    ROOT_REF,
    TOP_FOLDER,
    RootItem,
    damaged,
    parse_dir_items,
    parse_root,
    parse_root_ref,
    text,
)
from imgtools.filesystems.btrfs.trees import Trees

DEEPEST_PATH = 4096  # folders and subvolumes above one: no path is longer
ROOTS_KEPT = 4096


class Subvolume(NamedTuple):
    """A subvolume and its path from the top of all; ``is_default``: it is mounted if none is named."""

    id: int
    path: str
    is_default: bool = False


class Roots:
    """The trees that the tree of roots names.

    :param top: the root of that tree itself.
    """

    def __init__(self, trees: Trees, top: RootItem) -> None:
        self._trees = trees
        self._top = top
        self._roots: dict[int, RootItem | None] = {}
        self._subvolumes: tuple[Subvolume, ...] | None = None

    def find(self, number: int) -> RootItem | None:
        """The root of a tree, None if there is none.

        :raises OddGuest: the tree of roots is damaged.
        """
        if number not in self._roots:
            if len(self._roots) >= ROOTS_KEPT:
                self._roots.clear()
            found = self._trees.last_before(self._top, (number, ROOT_ITEM, MOST))
            is_one = found is not None and found[0][:2] == (number, ROOT_ITEM)
            root = parse_root(found[1], number) if found is not None and is_one else None
            if is_one and root is None:
                damaged(self._trees.name, f"the root of tree {number} is cut")
            self._roots[number] = root
        return self._roots[number]

    def need(self, number: int, what: str) -> RootItem:
        """As :meth:`find`, of a tree that has to be there.

        :raises OddGuest: it is not.
        """
        root = self.find(number)
        if root is None:
            damaged(self._trees.name, f"it has no {what}")
        return root

    def default(self) -> int:
        """The number of the subvolume that is mounted if nothing else is said."""
        for _key, raw in self._trees.items(
            self._top, (ROOT_FOLDER, DIR_ITEM, 0), (ROOT_FOLDER, DIR_ITEM, MOST)
        ):
            for entry in parse_dir_items(raw) or ():
                if entry.name == b"default":
                    return entry.place[0]
        return FS_TREE

    def is_there(self, parent: int, folder: int, name: bytes, number: int) -> bool:
        """Whether subvolume ``number`` belongs under this name; in a snapshot of its parent the name leads nowhere."""
        raw = self._trees.item(self._top, (parent, ROOT_REF, number))
        return raw is not None and parse_root_ref(raw) == (folder, name)

    def subvolumes(self) -> tuple[Subvolume, ...]:
        """All but the top, in the order of their numbers, as ``btrfs subvolume list`` has them.

        :raises OddGuest: a tree is damaged.
        """
        if self._subvolumes is None:
            above = self._parents()
            paths = ((number, self._path(number, above)) for number in above)
            default = self.default()
            self._subvolumes = tuple(
                Subvolume(number, path, number == default) for number, path in paths if path
            )
        return self._subvolumes

    def _parents(self) -> dict[int, tuple[int, int, bytes]]:
        """Of each subvolume its parent's number, the directory in it, and its name there."""
        found: dict[int, tuple[int, int, bytes]] = {}
        low, high = (FIRST_SUBVOLUME, 0, 0), (LAST_SUBVOLUME, MOST, MOST)
        for (number, kind, parent), raw in self._trees.items(self._top, low, high):
            if kind != ROOT_BACKREF:
                continue
            place = parse_root_ref(raw)
            if place is None:
                damaged(self._trees.name, f"subvolume {number} has no name")
            root = self.find(number)
            if root is not None and root.references:
                found.setdefault(number, (parent, *place))
        return found

    def _path(self, number: int, above: dict[int, tuple[int, int, bytes]]) -> str:
        """The path of a subvolume from the top; empty if it hangs on one that is being deleted."""
        parts: list[bytes] = []
        while number != FS_TREE:
            if number not in above or len(parts) > DEEPEST_PATH:
                return ""
            parent, folder, name = above[number]
            parts.append(name)
            root = self.find(parent)
            if root is None:
                return ""
            parts += self._folders(root, folder)
            number = parent
        return text(b"/".join(reversed(parts)))

    def _folders(self, root: RootItem, folder: int) -> list[bytes]:
        """The names of a directory and of those above it, within its subvolume, from below."""
        names: list[bytes] = []
        while folder != TOP_FOLDER:
            found = next(self._trees.items(root, (folder, INODE_REF, 0), (folder, INODE_REF, MOST)), None)
            size = int.from_bytes(found[1][8:10], "little") if found else 0  # struct btrfs_inode_ref
            name = found[1][10 : 10 + size] if found else b""
            if found is None or not name or len(name) < size or len(names) > DEEPEST_PATH:
                damaged(self._trees.name, f"directory {folder} of tree {root.id} is nowhere")
            names.append(name)
            folder = found[0][2]
        return names
