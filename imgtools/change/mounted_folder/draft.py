"""A guest's files with changes that a person makes through a mounted folder, before they are a plan.

The guest itself is only read. What is changed is kept beside it, contents in a private folder of the host; at the
end :meth:`Draft.changes` says what has to be done to the guest, and one transaction does it. Errors are
:class:`OSError` with the number that a filesystem would give, because a kernel asks.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from imgtools.change.change import Change
from imgtools.change.fit_to_filesystem import NAMES, takes_name
from imgtools.change.mounted_folder.names import Names
from imgtools.change.mounted_folder.plan import Node, plan_draft, volume_of
from imgtools.errors import GuestFileError
from imgtools.files.paths import join, parent_of
from imgtools.files.tree import GuestReader
from imgtools.records.files import FileKind, FileStat


def refuse(number: int, path: str) -> OSError:
    """The error of a filesystem."""
    return OSError(number, os.strerror(number), path)


class Draft:
    """The guest as it will be. Paths are resolved by whoever asks: no component but the last is a link.

    :param folder: a private folder of the host for contents.
    :param volumes: the guest's mount points, and what filesystem is there (``ext4``). Nothing is renamed from one to
        another. NTFS and FAT have no owners and modes, which are quietly left out, and no links and devices.
    """

    def __init__(self, files: GuestReader, folder: Path, volumes: Mapping[str, str] | None = None) -> None:
        self._files = files
        self._folder = folder
        self._volumes = volumes or {"/": ""}
        self._points = tuple(self._volumes)
        self._nodes: dict[str, Node] = {}  # what was changed or made
        self._names = Names()
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
        stat = self._of_guest(path)
        if stat is None:
            raise refuse(errno.ENOENT, path)
        return stat

    def list_dir(self, path: str) -> list[str]:
        """Return the names in a directory."""
        if self.stat(path).kind is not FileKind.DIRECTORY:
            raise refuse(errno.ENOTDIR, path)
        names: dict[str, None] = {}
        origin = self._names.origin(path)
        for entry in self._files.list_dir(origin) if origin is not None else ():
            if not self._names.hides(join(path, entry.name)):
                names[entry.name] = None
        for other in (*self._nodes, *self._names.moved):
            if parent_of(other) == path != other:
                names[other.rpartition("/")[2]] = None
        return sorted(names)

    def read_link(self, path: str) -> str:
        """Return the target of a link."""
        node = self._nodes.get(path)
        return node.target if node is not None and node.target else self._files.read_link(self._found(path))

    def read(self, path: str, size: int, offset: int) -> bytes:
        """Return part of a file's content."""
        node = self._nodes.get(path)
        if node is not None and node.content is not None:
            with node.content.open("rb") as stream:
                stream.seek(offset)
                return stream.read(size)
        if self.stat(path).kind is not FileKind.FILE:
            raise refuse(errno.EINVAL, path)
        with self._files.open(self._found(path)) as stream:
            stream.seek(offset)
            return stream.read(size)

    def xattrs(self, path: str) -> dict[str, bytes]:
        """Return the extended attributes."""
        self.stat(path)
        node = self._nodes.get(path)
        is_new = node is not None and node.origin is None
        found = {} if is_new else dict(self._files.xattrs(self._found(path)))
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
        self._require_name(path)
        if self._kind_at(path) in NAMES and kind not in (FileKind.FILE, FileKind.DIRECTORY):
            raise refuse(errno.EPERM, path)
        now = time.time_ns()
        size = len(os.fsencode(target))
        stat = FileStat(kind, size, mode & 0o7777, device=device, atime=now, mtime=now, ctime=now)
        content = self._new_content() if kind is FileKind.FILE else None
        self._nodes[path] = Node(stat, None, content, target)
        self._names.made(path)

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

    def link(self, path: str, to: str) -> None:
        """Give a regular file a second name."""
        if self.stat(path).kind is not FileKind.FILE:
            raise refuse(errno.EPERM, path)
        if self._exists(to):
            raise refuse(errno.EEXIST, to)
        self._require_directory(parent_of(to))
        self._require_one_volume(path, to)
        self._require_name(to)
        if self._kind_at(to) == "vfat":
            raise refuse(errno.EPERM, to)
        node = self._node(path)
        node.stat = replace(node.stat, links=node.stat.links + 1, ctime=time.time_ns())
        self._nodes[to] = node
        self._names.made(to)

    def remove(self, path: str) -> None:
        """Remove a file or an empty directory; ENOTEMPTY if it is not."""
        is_directory = self.stat(path).kind is FileKind.DIRECTORY
        if is_directory:
            if path in self._points:
                raise refuse(errno.EBUSY, path)
            if self.list_dir(path):
                raise refuse(errno.ENOTEMPTY, path)
        is_of_guest = self._of_guest(path) is not None
        node = self._nodes.pop(path, None)
        heir = self._other_name(node)
        if node is not None and heir is not None:
            node.stat = replace(node.stat, links=node.stat.links - 1)
        elif node is not None and node.content is not None:
            node.content.unlink()
        if is_of_guest:
            origin = self._names.take(path) or path
            if heir is None:
                self._names.removed.add(origin)
            else:
                self._names.put(heir, origin)
        if is_directory:
            self._names.emptied(path)

    def _other_name(self, node: Node | None) -> str | None:
        if node is None or node.stat.links < 2:
            return None
        return min((path for path, one in self._nodes.items() if one is node), default=None)

    def rename(self, path: str, to: str) -> None:
        """Rename a file or directory, also over another; between volumes EXDEV: mv then copies."""
        kind = self.stat(path).kind
        self._require_directory(parent_of(to))
        self._require_one_volume(path, to)
        self._require_name(to)
        if any((point + "/").startswith(path + "/") for point in self._points):
            raise refuse(errno.EBUSY, path)
        if (to + "/").startswith(path + "/"):
            if to == path:
                return
            raise refuse(errno.EINVAL, to)
        if self._exists(to):
            self._replace(path, kind, to)
        origin = self._names.take(path) if self._of_guest(path) is not None else None
        if path in self._nodes:
            self._nodes[to] = self._nodes.pop(path)
        if kind is FileKind.DIRECTORY:
            self._names.shift(path, to)
            for old in [one for one in self._nodes if one.startswith(path + "/")]:
                self._nodes[to + old[len(path) :]] = self._nodes.pop(old)
        if origin is None:
            self._names.made(to)
        else:
            self._names.put(to, origin)

    def _replace(self, path: str, kind: FileKind, to: str) -> None:
        """Make way for what is renamed to ``to``."""
        is_directory = self.stat(to).kind is FileKind.DIRECTORY
        if is_directory and kind is not FileKind.DIRECTORY:
            raise refuse(errno.EISDIR, to)
        if kind is FileKind.DIRECTORY and not is_directory:
            raise refuse(errno.ENOTDIR, to)
        self.remove(to)

    def set_facts(self, path: str, **facts: int) -> None:
        """Set mode, uid, gid, atime or mtime."""
        if self._kind_at(path) in NAMES:
            facts = {name: value for name, value in facts.items() if name in ("atime", "mtime")}
            if not facts:
                return
        node = self._node(path)
        node.stat = replace(node.stat, ctime=time.time_ns(), **facts)  # type: ignore[arg-type]

    def set_xattr(self, path: str, name: str, value: bytes | None) -> None:
        """Set an extended attribute, or remove it; ACLs, which change a file's mode too, are not supported."""
        if name.startswith("system.") or self._kind_at(path) == "vfat":
            raise refuse(errno.EOPNOTSUPP, path)
        self._node(path).xattrs[name] = value

    # -- keeping -------------------------------------------------------------------------------------------

    def _exists(self, path: str) -> bool:
        try:
            self.stat(path)
        except FileNotFoundError:
            return False
        return True

    def _of_guest(self, path: str) -> FileStat | None:
        """The facts of the guest's own file that is shown at ``path``, as they are in the guest."""
        origin = self._names.origin(path)
        try:
            return None if origin is None else self._files.lstat(origin)
        except GuestFileError:
            return None

    def _found(self, path: str) -> str:
        """Return where in the guest something is that the guest has."""
        node = self._nodes.get(path)
        return (node.origin if node is not None else self._names.origin(path)) or path

    def _kind_at(self, path: str) -> str:
        return self._volumes[volume_of(path, self._points)]

    def _require_name(self, path: str) -> None:
        name = path.rpartition("/")[2]
        if not takes_name(name, self._kind_at(path)):
            raise refuse(errno.EINVAL if takes_name(name, "") else errno.ENAMETOOLONG, path)

    def _require_one_volume(self, path: str, to: str) -> None:
        if volume_of(path, self._points) != volume_of(to, self._points):
            raise refuse(errno.EXDEV, to)

    def _require_directory(self, path: str) -> None:
        if self.stat(path).kind is not FileKind.DIRECTORY:
            raise refuse(errno.ENOTDIR, path)

    def _node(self, path: str) -> Node:
        if path not in self._nodes:
            stat = self.stat(path)
            target = self.read_link(path) if stat.kind is FileKind.LINK else ""
            self._nodes[path] = Node(stat, self._names.origin(path), target=target)
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
            with self._files.open(self._found(path)) as source, content.open("wb") as target:
                left = node.stat.size if length is None else min(length, node.stat.size)
                while left > 0 and (chunk := source.read(min(left, 1 << 20))):
                    target.write(chunk)
                    left -= len(chunk)
            node.content = content
        return node.content

    # -- the plan ------------------------------------------------------------------------------------------

    def changes(self) -> Iterator[Change]:
        """Yield what makes the guest so."""
        return plan_draft(self._nodes, self._names, self._files, self._points)
