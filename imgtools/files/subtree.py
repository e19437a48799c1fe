"""A directory of a filesystem as if it were a filesystem of its own: what ``mount --bind`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO

from imgtools.filesystems.api import Filesystem, FilesystemWriter
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.usage import Usage


class Subtree:
    """Implements :class:`imgtools.engine.api.Filesystem`; its root is the directory ``inner`` of another one.

    :param inner: absolute, and none of its components is a symbolic link.
    """

    def __init__(self, whole: Filesystem, inner: str) -> None:
        self._whole = whole
        self._inner = inner.rstrip("/")

    def _path(self, path: str) -> str:
        return self._inner if path == "/" else self._inner + path

    @property
    def ignores_case(self) -> bool:
        return self._whole.ignores_case

    def lookup(self, path: str) -> FileStat | None:
        return self._whole.lookup(self._path(path))

    def scan(self, path: str) -> Sequence[FileEntry]:
        return self._whole.scan(self._path(path))

    def read_link(self, path: str) -> str:
        return self._whole.read_link(self._path(path))

    def open(self, path: str) -> BinaryIO:
        return self._whole.open(self._path(path))

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        return self._whole.xattrs(self._path(path))

    def usage(self) -> Usage:
        return self._whole.usage()


class WritableSubtree(Subtree):
    """Implements :class:`imgtools.filesystems.api.FilesystemWriter` for a directory of a filesystem."""

    def __init__(self, whole: FilesystemWriter, inner: str) -> None:
        super().__init__(whole, inner)
        self._writer = whole

    def write(self, path: str, content: BinaryIO) -> None:
        self._writer.write(self._path(path), content)

    def truncate(self, path: str) -> None:
        self._writer.truncate(self._path(path))

    def remove(self, path: str) -> None:
        self._writer.remove(self._path(path))

    def remove_tree(self, path: str) -> None:
        self._writer.remove_tree(self._path(path))

    def make_directory(self, path: str, mode: int) -> None:
        self._writer.make_directory(self._path(path), mode)

    def make_link(self, path: str, target: str) -> None:
        self._writer.make_link(self._path(path), target)

    def make_hard_link(self, path: str, target: str) -> None:
        self._writer.make_hard_link(self._path(path), self._path(target))

    def make_special(self, path: str, kind: FileKind, device: tuple[int, int], mode: int) -> None:
        self._writer.make_special(self._path(path), kind, device, mode)

    def rename(self, path: str, to: str) -> None:
        self._writer.rename(self._path(path), self._path(to))

    def set_mode(self, path: str, mode: int) -> None:
        self._writer.set_mode(self._path(path), mode)

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        self._writer.set_owner(self._path(path), uid, gid)

    def set_times(self, path: str, atime: int, mtime: int) -> None:
        self._writer.set_times(self._path(path), atime, mtime)

    def set_xattr(self, path: str, name: str, value: bytes) -> None:
        self._writer.set_xattr(self._path(path), name, value)

    def remove_xattr(self, path: str, name: str) -> None:
        self._writer.remove_xattr(self._path(path), name)
