"""The files of a new disk, as a guest is looked at: before anything of it is written."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO, cast

from imgtools.change.writable_tree import open_upload
from imgtools.files.paths import parent_of
from imgtools.files.tree import GuestTree
from imgtools.newdisk.tree import Node, Tree, upload_of
from imgtools.records.files import FileEntry, FileStat
from imgtools.records.request import Engine

if TYPE_CHECKING:
    from imgtools.records.usage import Usage

MOST_READ = 64 << 20  # bytes of a file that somebody looks into here


class TreeFilesystem:
    """A tree as a filesystem that is read; implements :class:`imgtools.filesystems.api.Filesystem`."""

    ignores_case = False

    def __init__(self, tree: Tree) -> None:
        self._nodes = dict(tree.nodes)
        self._names: dict[str, list[str]] = {}
        for path in self._nodes:
            if path != "/":
                self._names.setdefault(parent_of(path), []).append(path)

    def lookup(self, path: str) -> FileStat | None:
        """Return what is known of a file."""
        node = self._nodes.get(path)
        return _facts(node) if node is not None else None

    def scan(self, path: str) -> Sequence[FileEntry]:
        """Return the entries of a directory."""
        found = self._names.get(path, ())
        return [FileEntry(one.rpartition("/")[2], _facts(self._nodes[one])) for one in found]

    def read_link(self, path: str) -> str:
        """Return where a link leads."""
        return self._nodes[path].target

    def open(self, path: str) -> BinaryIO:
        """Return the beginning of a regular file, as far as anybody looks into one here.

        :raises HostError: the host's file cannot be read.
        """
        with open_upload(upload_of(path, self._nodes[path])) as content:
            return cast(BinaryIO, io.BytesIO(_read(content)))

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        """Return the attributes of a file."""
        return self._nodes[path].attributes

    def usage(self) -> Usage:
        """Return numbers of no filesystem: there is none yet."""
        from imgtools.records.usage import Usage

        used = sum(node.size for node in self._nodes.values())
        return Usage(used, 0, 0, len(self._nodes), 0)


def _read(content: io.RawIOBase) -> bytes:
    pieces, left = [], MOST_READ
    while left > 0 and (piece := content.read(min(left, 1 << 20))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _facts(node: Node) -> FileStat:
    return FileStat(
        node.kind,
        node.size,
        node.mode,
        node.uid,
        node.gid,
        inode=id(node),
        device=node.device,
        mtime=node.mtime,
    )


def files_of_tree(tree: Tree) -> GuestTree:
    """Return a tree as the files of a guest; what is put into it later is not seen."""
    return GuestTree({"/": TreeFilesystem(tree)}, Engine.DIRECT)
