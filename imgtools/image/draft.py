"""A guest's files with changes that a person makes through a mounted folder, before they are a plan.

The guest itself is only read. What is changed is kept beside it, contents in a private folder of the host; at the
end :meth:`Draft.changes` says what has to be done to the guest, and one transaction does it. Errors are
:class:`OSError` with the number that a filesystem would give, because a kernel asks.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from imgtools.errors import GuestFileError
from imgtools.image.change import (
    Change,
    MakeDirectory,
    MakeLink,
    MakeSpecial,
    Remove,
    SetMode,
    SetOwner,
    SetTimes,
    SetXattr,
    Upload,
)
from imgtools.image.files import GuestReader, join, parent_of
from imgtools.records import FileKind, FileStat


@dataclass(slots=True)
class _Node:
    """One path that was changed. ``content`` is where its new content is; None: the guest's own."""

    stat: FileStat
    content: Path | None = None
    target: str = ""
    is_new: bool = False
    xattrs: dict[str, bytes | None] = field(default_factory=dict)


def refuse(number: int, path: str) -> OSError:
    """The error of a filesystem."""
    return OSError(number, os.strerror(number), path)


class Draft:
    """The guest as it will be. Paths are resolved by whoever asks: no component but the last is a link.

    :param folder: a private folder of the host for contents.
    """

    def __init__(self, files: GuestReader, folder: Path) -> None:
        self._files = files
        self._folder = folder
        self._nodes: dict[str, _Node] = {}
        self._gone: set[str] = set()  # paths of the guest that were removed
        self._count = 0

    # -- looking -------------------------------------------------------------------------------------------

    def stat(self, path: str) -> FileStat:
        """Return the facts of ``path``; ENOENT if it is not there."""
        node = self._nodes.get(path)
        if node is not None:
            if node.content is None:
                return node.stat
            found = node.content.stat()
            return replace(node.stat, size=found.st_size)
        if self._is_gone(path):
            raise refuse(errno.ENOENT, path)
        try:
            stat = self._files.lstat(path)
        except GuestFileError:
            stat = None
        if stat is None:
            raise refuse(errno.ENOENT, path)
        return stat

    def list_dir(self, path: str) -> list[str]:
        """Return the names in a directory."""
        if self.stat(path).kind is not FileKind.DIRECTORY:
            raise refuse(errno.ENOTDIR, path)
        names: dict[str, None] = {}
        if not self._is_made(path):
            for entry in self._files.list_dir(path):
                if not self._is_gone(join(path, entry.name)):
                    names[entry.name] = None
        names.update(
            (other.rpartition("/")[2], None) for other in self._nodes if parent_of(other) == path != other
        )
        return list(names)

    def read_link(self, path: str) -> str:
        """Return the target of a link."""
        node = self._nodes.get(path)
        return node.target if node is not None and node.target else self._files.read_link(path)

    def read(self, path: str, size: int, offset: int) -> bytes:
        """Return part of a file's content."""
        node = self._nodes.get(path)
        if node is not None and node.content is not None:
            with node.content.open("rb") as stream:
                stream.seek(offset)
                return stream.read(size)
        if self.stat(path).kind is not FileKind.FILE:
            raise refuse(errno.EINVAL, path)
        with self._files.open(path) as stream:
            stream.seek(offset)
            return stream.read(size)

    def xattrs(self, path: str) -> dict[str, bytes]:
        """Return the extended attributes."""
        self.stat(path)
        node = self._nodes.get(path)
        found = {} if node is not None and node.is_new else dict(self._files.xattrs(path))
        for name, value in (node.xattrs if node else {}).items():
            if value is None:
                found.pop(name, None)
            else:
                found[name] = value
        return found

    # -- changing ------------------------------------------------------------------------------------------

    def make(
        self, path: str, kind: FileKind, mode: int, *, target: str = "", device: tuple[int, int] = (0, 0)
    ) -> None:
        """Make a file, directory, link or special file, owned by root; EEXIST if something has the name."""
        if self._exists(path):
            raise refuse(errno.EEXIST, path)
        self._require_directory(parent_of(path))
        now = time.time_ns()
        size = len(os.fsencode(target))
        stat = FileStat(kind, size, mode & 0o7777, device=device, atime=now, mtime=now, ctime=now)
        content = self._new_content() if kind is FileKind.FILE else None
        self._nodes[path] = _Node(stat, content, target, is_new=True)

    def write(self, path: str, data: bytes, offset: int) -> int:
        """Write into a file; its own content is fetched at the first write."""
        with self._own_content(path).open("r+b") as stream:
            stream.seek(offset)
            stream.write(data)
        self._touch(path)
        return len(data)

    def truncate(self, path: str, length: int) -> None:
        """Cut or extend a file."""
        content = self._own_content(path, length)
        os.truncate(content, length)
        self._touch(path)

    def remove(self, path: str) -> None:
        """Remove a file or an empty directory; ENOTEMPTY if it is not."""
        if self.stat(path).kind is FileKind.DIRECTORY and self.list_dir(path):
            raise refuse(errno.ENOTEMPTY, path)
        node = self._nodes.pop(path, None)
        if node is not None and node.content is not None:
            node.content.unlink()
        if self._in_guest(path):
            self._gone.add(path)

    def rename(self, path: str, to: str) -> None:
        """Rename a file or link, also over another; a directory gives EXDEV, and mv then copies it."""
        stat = self.stat(path)
        if stat.kind is FileKind.DIRECTORY:
            raise refuse(errno.EXDEV, path)
        self._require_directory(parent_of(to))
        if self._exists(to) and self.stat(to).kind is FileKind.DIRECTORY:
            raise refuse(errno.EISDIR, to)
        xattrs: dict[str, bytes | None] = {
            name: value for name, value in self.xattrs(path).items() if not name.startswith("system.")
        }
        target = self.read_link(path) if stat.kind is FileKind.LINK else ""
        content = self._own_content(path) if stat.kind is FileKind.FILE else None
        self._nodes.pop(path, None)
        if self._in_guest(path):
            self._gone.add(path)
        old = self._nodes.get(to)
        if old is not None and old.content is not None:
            old.content.unlink()
        self._nodes[to] = _Node(stat, content, target, is_new=True, xattrs=xattrs)

    def set_facts(self, path: str, **facts: int) -> None:
        """Set mode, uid, gid, atime or mtime."""
        node = self._node(path)
        node.stat = replace(node.stat, ctime=time.time_ns(), **facts)  # type: ignore[arg-type]

    def set_xattr(self, path: str, name: str, value: bytes | None) -> None:
        """Set an extended attribute, or remove it; ACLs, which change a file's mode too, are not supported."""
        if name.startswith("system."):
            raise refuse(errno.EOPNOTSUPP, path)
        self._node(path).xattrs[name] = value

    # -- keeping -------------------------------------------------------------------------------------------

    def _exists(self, path: str) -> bool:
        try:
            self.stat(path)
        except FileNotFoundError:
            return False
        return True

    def _in_guest(self, path: str) -> bool:
        return not self._is_gone(path) and self._files.lstat(path) is not None

    def _is_gone(self, path: str) -> bool:
        """Whether the guest's own file of that path was removed, or is below what was."""
        here = path
        while here != "/":
            if here in self._gone:
                return True
            here = parent_of(here)
        return False

    def _is_made(self, path: str) -> bool:
        """Whether a directory was made by the person, so that nothing of the guest is in it."""
        node = self._nodes.get(path)
        return node is not None and node.is_new

    def _require_directory(self, path: str) -> None:
        if self.stat(path).kind is not FileKind.DIRECTORY:
            raise refuse(errno.ENOTDIR, path)

    def _node(self, path: str) -> _Node:
        if path not in self._nodes:
            stat = self.stat(path)
            target = self._files.read_link(path) if stat.kind is FileKind.LINK else ""
            self._nodes[path] = _Node(stat, target=target)
        return self._nodes[path]

    def _touch(self, path: str) -> None:
        node = self._nodes[path]
        now = time.time_ns()
        node.stat = replace(node.stat, mtime=now, ctime=now)

    def _new_content(self) -> Path:
        self._count += 1
        path = self._folder / str(self._count)
        path.touch(0o600)
        return path

    def _own_content(self, path: str, length: int | None = None) -> Path:
        """Return the private copy of a file's content; at most ``length`` bytes of it are fetched."""
        node = self._node(path)
        if node.stat.kind is not FileKind.FILE:
            raise refuse(errno.EINVAL, path)
        if node.content is None:
            content = self._new_content()
            with self._files.open(path) as source, content.open("wb") as target:
                left = node.stat.size if length is None else min(length, node.stat.size)
                while left > 0 and (chunk := source.read(min(left, 1 << 20))):
                    target.write(chunk)
                    left -= len(chunk)
            node.content = content
        return node.content

    # -- the plan ------------------------------------------------------------------------------------------

    def changes(self) -> Iterator[Change]:
        """Yield what makes the guest so: removals first, then what is new, directories before what is in them."""
        for path in sorted(self._gone):
            node = self._nodes.get(path)
            replaced = node is not None and node.stat.kind is FileKind.FILE and self._is_file_of_guest(path)
            if not replaced and parent_of(path) not in self._gone:
                stat = self._files.lstat(path)
                is_directory = stat is not None and stat.kind is FileKind.DIRECTORY
                yield Remove(path, recursive=is_directory, size=stat.size if stat else 0)
        for path in sorted(self._nodes):
            yield from self._changes_of(path, self._nodes[path])

    def _is_file_of_guest(self, path: str) -> bool:
        stat = self._files.lstat(path)
        return stat is not None and stat.kind is FileKind.FILE

    def _changes_of(self, path: str, node: _Node) -> Iterator[Change]:
        stat = node.stat
        if node.content is not None:
            size = node.content.stat().st_size
            yield Upload(path, node.content, size, stat.mode, stat.uid, stat.gid, stat.mtime)
        elif not node.is_new:
            yield from self._facts(path, stat)
        elif stat.kind is FileKind.DIRECTORY:
            yield MakeDirectory(path, stat.mode, stat.uid, stat.gid)
        elif stat.kind is FileKind.LINK:
            yield MakeLink(path, node.target, stat.uid, stat.gid)
        else:
            yield MakeSpecial(path, stat.kind.value, stat.device, stat.mode, stat.uid, stat.gid)
        for name, value in node.xattrs.items():
            yield SetXattr(path, name, value)

    def _facts(self, path: str, stat: FileStat) -> Iterator[Change]:
        old = self._files.lstat(path)
        if old is None:
            return
        if (old.uid, old.gid) != (stat.uid, stat.gid):
            yield SetOwner(path, stat.uid, stat.gid)
        if old.mode != stat.mode and stat.kind is not FileKind.LINK:
            yield SetMode(path, stat.mode)
        if (old.atime, old.mtime) != (stat.atime, stat.mtime):
            yield SetTimes(path, stat.atime, stat.mtime)
