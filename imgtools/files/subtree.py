"""A directory of a filesystem as if it were a filesystem of its own: what ``mount --bind`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO

from imgtools.filesystems.api import Filesystem
from imgtools.records.disks import Usage
from imgtools.records.files import FileEntry, FileStat


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
