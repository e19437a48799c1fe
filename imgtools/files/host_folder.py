"""A folder of the host read as a filesystem, for a registry hive that was copied out of its guest."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from imgtools.errors import HostError
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.usage import Usage

_KINDS = {stat.S_IFREG: FileKind.FILE, stat.S_IFDIR: FileKind.DIRECTORY, stat.S_IFLNK: FileKind.LINK}


class HostFolder:
    """Implements :class:`imgtools.filesystems.api.Filesystem` over the files of one folder, not of those below it."""

    ignores_case = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lookup(self, path: str) -> FileStat | None:
        """Return the facts of a file; links are followed, as a person who names one means what it leads to."""
        place = self._place(path)
        try:
            found = place.stat()
        except OSError:
            return None
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), FileKind.UNKNOWN)
        return FileStat(
            kind,
            found.st_size,
            stat.S_IMODE(found.st_mode),
            found.st_uid,
            found.st_gid,
            atime=found.st_atime_ns,
            mtime=found.st_mtime_ns,
            ctime=found.st_ctime_ns,
        )

    def scan(self, path: str) -> Sequence[FileEntry]:
        """Return the files of the folder."""
        found = ((one.name, self.lookup(f"/{one.name}")) for one in self._folder.iterdir())
        return [FileEntry(name, facts) for name, facts in found if facts is not None]

    def read_link(self, path: str) -> str:
        """No link is seen here."""
        raise HostError(f"not a link: {self._place(path)}")

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading; never wait for a FIFO."""
        place = self._place(path)
        try:
            return os.fdopen(os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
        except OSError as error:
            raise HostError(f"cannot read {place}: {error.strerror}") from None

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        """None are looked at."""
        return {}

    def usage(self) -> Usage:
        """How full the filesystem of the folder is."""
        found = os.statvfs(self._folder)
        unit = found.f_frsize
        return Usage(
            found.f_blocks * unit, found.f_bfree * unit, found.f_bavail * unit, found.f_files, found.f_ffree
        )

    def _place(self, path: str) -> Path:
        return self._folder / path.strip("/")
