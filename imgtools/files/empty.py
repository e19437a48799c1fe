"""A filesystem with nothing in it: what stands for the files of a guest that nobody can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO

from imgtools.errors import NoSuchGuestFile
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.usage import Usage


class EmptyFilesystem:
    """Only its root is there; implements :class:`imgtools.filesystems.api.Filesystem`."""

    ignores_case = False

    def lookup(self, path: str) -> FileStat | None:
        """Return what is known of the root; nothing else is there."""
        return FileStat(FileKind.DIRECTORY, 0, 0o755, 0, 0, inode=1, mtime=0) if path == "/" else None

    def scan(self, path: str) -> Sequence[FileEntry]:
        """Return no entries."""
        return ()

    def read_link(self, path: str) -> str:
        """Raise NoSuchGuestFile."""
        raise self._missing(path)

    def open(self, path: str) -> BinaryIO:
        """Raise NoSuchGuestFile."""
        raise self._missing(path)

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        """Return none."""
        return {}

    def usage(self) -> Usage:
        """Return that there is no room."""
        return Usage(0, 0, 0, 0, 0)

    @staticmethod
    def _missing(path: str) -> NoSuchGuestFile:
        return NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
