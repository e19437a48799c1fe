"""A filesystem as it will be after a plan: what a plan changes is kept in memory, all else is read from the guest.

The applier works on it as on a real one, so an order can be planned for what the orders before it leave.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from imgtools.change.change import Upload
from imgtools.change.writable_tree import WritableTree, open_upload
from imgtools.errors import EditFailed, GuestFileTooBig
from imgtools.files.paths import parent_of
from imgtools.files.tree import READ_LIMIT, GuestTree
from imgtools.filesystems.api import Filesystem
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.usage import Usage


@dataclass(frozen=True, slots=True)
class _Node:
    """One file that the plan makes or changes; what it does not change is that of ``origin`` in the guest."""

    stat: FileStat
    origin: str | None = None
    content: bytes | None = None
    upload: Upload | None = None  # whose content it has
    target: str | None = None
    xattrs: Mapping[str, bytes] | None = None


class PlannedFilesystem:
    """Implements :class:`imgtools.engine.api.FilesystemWriter`; nothing is ever written anywhere."""

    def __init__(self, base: Filesystem) -> None:
        self._base = base
        self._nodes: dict[str, _Node] = {}
        # From here on down, the guest's own files are those below another path (a renamed folder), or none (None).
        self._roots: dict[str, str | None] = {}

    @property
    def ignores_case(self) -> bool:
        return self._base.ignores_case

    def _origin(self, path: str) -> str | None:
        here = path
        while True:
            if here in self._roots:
                root = self._roots[here]
                return None if root is None else root + path[len(here) :]
            if here == "/":
                return path
            here = parent_of(here)

    # -- reading -------------------------------------------------------------------------------------------

    def lookup(self, path: str) -> FileStat | None:
        node = self._nodes.get(path)
        if node is not None:
            return node.stat
        origin = self._origin(path)
        return None if origin is None else self._base.lookup(origin)

    def scan(self, path: str) -> Sequence[FileEntry]:
        origin = self._origin(path)
        found = None if origin is None else self._base.lookup(origin)
        is_directory = found is not None and found.kind is FileKind.DIRECTORY
        entries = {one.name: one for one in self._base.scan(origin or "/")} if is_directory else {}
        for other in {*self._nodes, *self._roots}:
            if other != "/" and parent_of(other) == path:
                name, stat = other.rpartition("/")[2], self.lookup(other)
                entries.pop(name, None)
                if stat is not None:
                    entries[name] = FileEntry(name, stat)
        return list(entries.values())

    def read_link(self, path: str) -> str:
        node = self._node(path)
        return node.target if node.target is not None else self._base.read_link(node.origin or path)

    def open(self, path: str) -> BinaryIO:
        node = self._node(path)
        if node.upload is not None:
            if node.stat.size > READ_LIMIT:
                raise GuestFileTooBig(f"larger than {READ_LIMIT} bytes: {path}", path=path)
            with open_upload(node.upload) as stream:
                return io.BytesIO(stream.read())
        if node.content is not None:
            return io.BytesIO(node.content)
        return self._base.open(node.origin or path)

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        node = self._node(path)
        if node.xattrs is not None:
            return node.xattrs
        return {} if node.origin is None else self._base.xattrs(node.origin)

    def usage(self) -> Usage:
        return self._base.usage()

    def _node(self, path: str) -> _Node:
        """The file at ``path``, as a node that may be changed and kept."""
        if path in self._nodes:
            return self._nodes[path]
        stat = self.lookup(path)
        if stat is None:
            raise EditFailed(f"no such file: {path}")
        return _Node(stat, self._origin(path))

    # -- writing -------------------------------------------------------------------------------------------

    def _make(self, path: str, node: _Node) -> None:
        self._nodes[path] = node
        self._roots[path] = None

    def _keep(self, path: str, stat: FileStat) -> None:
        self._nodes[path] = replace(self._node(path), stat=stat)

    def write(self, path: str, content: BinaryIO) -> None:
        held = io.BytesIO()
        shutil.copyfileobj(content, held)
        self._hold(path, len(held.getvalue()), content=held.getvalue(), upload=None)

    def uploaded(self, path: str, upload: Upload) -> None:
        """Say that a file written before has the content of a host file."""
        self._hold(path, upload.size, content=None, upload=upload)

    def _hold(self, path: str, size: int, *, content: bytes | None, upload: Upload | None) -> None:
        if self.lookup(path) is None:
            self._make(path, _Node(FileStat(FileKind.FILE, size, 0o644, 0, 0)))
        node = self._node(path)
        self._nodes[path] = replace(node, stat=replace(node.stat, size=size), content=content, upload=upload)

    def truncate(self, path: str) -> None:
        self._hold(path, 0, content=b"", upload=None)

    def remove(self, path: str) -> None:
        self.remove_tree(path)

    def remove_tree(self, path: str) -> None:
        below = path.rstrip("/") + "/"
        for other in [*self._nodes, *self._roots]:
            if other == path or other.startswith(below):
                self._nodes.pop(other, None)
                self._roots.pop(other, None)
        self._roots[path] = None

    def make_directory(self, path: str, mode: int) -> None:
        self._make(path, _Node(FileStat(FileKind.DIRECTORY, 0, mode, 0, 0)))

    def make_link(self, path: str, target: str) -> None:
        self._make(path, _Node(FileStat(FileKind.LINK, len(target), 0o777, 0, 0), target=target))

    def make_hard_link(self, path: str, target: str) -> None:
        self._make(path, self._node(target))

    def make_special(self, path: str, kind: FileKind, device: tuple[int, int], mode: int) -> None:
        self._make(path, _Node(FileStat(kind, 0, mode, 0, 0, device=device)))

    def rename(self, path: str, to: str) -> None:
        origin, below = self._origin(path), path + "/"
        nodes = {one: node for one, node in self._nodes.items() if one == path or one.startswith(below)}
        roots = {one: root for one, root in self._roots.items() if one.startswith(below)}
        self.remove_tree(path)
        self.remove_tree(to)
        self._roots[to] = origin
        self._nodes.update({to + one[len(path) :]: node for one, node in nodes.items()})
        self._roots.update({to + one[len(path) :]: root for one, root in roots.items()})

    def set_mode(self, path: str, mode: int) -> None:
        self._keep(path, replace(self._node(path).stat, mode=mode))

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        self._keep(path, replace(self._node(path).stat, uid=uid, gid=gid))

    def set_times(self, path: str, atime: int, mtime: int) -> None:
        self._keep(path, replace(self._node(path).stat, atime=atime, mtime=mtime))

    def set_xattr(self, path: str, name: str, value: bytes) -> None:
        self._nodes[path] = replace(self._node(path), xattrs={**self.xattrs(path), name: value})

    def remove_xattr(self, path: str, name: str) -> None:
        kept = {key: value for key, value in self.xattrs(path).items() if key != name}
        self._nodes[path] = replace(self._node(path), xattrs=kept)


def planned_tree(files: GuestTree) -> WritableTree:
    """Return the guest's tree as one that can be changed in memory."""
    writers = {point: PlannedFilesystem(one) for point, one in files.mounted.items()}
    return WritableTree({}, writers, files.served_by)
