"""A folder of the host read as the root of a guest: one that was unpacked, mounted, or built there."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from imgtools.errors import GuestFileError, HostError, OddGuest
from imgtools.files.host_folder import HostFolder
from imgtools.records.files import FileEntry, FileKind, FileStat

_KINDS = {
    stat.S_IFREG: FileKind.FILE,
    stat.S_IFDIR: FileKind.DIRECTORY,
    stat.S_IFLNK: FileKind.LINK,
    stat.S_IFCHR: FileKind.CHARACTER,
    stat.S_IFBLK: FileKind.BLOCK,
    stat.S_IFIFO: FileKind.FIFO,
    stat.S_IFSOCK: FileKind.SOCKET,
}


class HostRoot(HostFolder):
    """Implements :class:`imgtools.filesystems.api.Filesystem` over a folder with all below it; no link is followed.

    Links are those of the guest: whoever asks resolves them inside the folder, as ``files/tree.py`` does.
    """

    def __init__(self, folder: Path) -> None:
        """Take a folder, where a link leads to one.

        :raises HostError: it is no folder, or cannot be read.
        """
        try:
            super().__init__(folder.resolve(strict=True))
            self._device = self._folder.stat().st_dev
        except (OSError, RuntimeError) as error:
            why = error.strerror if isinstance(error, OSError) else "a circle of links"
            raise HostError(f"cannot read {folder}: {why}") from None

    def lookup(self, path: str) -> FileStat | None:
        """Return what ``lstat`` tells; None if there is nothing."""
        try:
            return self._facts(os.lstat(self._name(path)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._refused(path, error) from None

    def scan(self, path: str) -> Sequence[FileEntry]:
        """Return the entries of a directory."""
        with self._named(path), os.scandir(self._name(path)) as entries:
            return [
                FileEntry(_text(one.name), self._facts(one.stat(follow_symlinks=False))) for one in entries
            ]

    def read_link(self, path: str) -> str:
        """Return where a link leads, as it is written."""
        with self._named(path):
            return _text(os.readlink(self._name(path)))  # noqa: PTH115 (keeps odd bytes)

    def open(self, path: str) -> BinaryIO:
        """Open a regular file; never wait for a FIFO, never follow a link that has taken its place."""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
        with self._named(path):
            return os.fdopen(os.open(self._name(path), flags), "rb")

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        """Return the extended attributes that the user of this process may see."""
        name = self._name(path)
        try:
            names = os.listxattr(name, follow_symlinks=False)
            return {one: os.getxattr(name, one, follow_symlinks=False) for one in names}
        except OSError as error:
            if error.errno in (errno.ENOTSUP, errno.EPERM):
                return {}
            raise self._refused(path, error) from None

    def _facts(self, found: os.stat_result) -> FileStat:
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), FileKind.UNKNOWN)
        is_device = kind in (FileKind.CHARACTER, FileKind.BLOCK)
        # What is mounted below the folder has numbers of its own, and its root often that of another root.
        elsewhere = found.st_dev << 64 if found.st_dev != self._device else 0
        return FileStat(
            kind,
            found.st_size,
            stat.S_IMODE(found.st_mode),
            found.st_uid,
            found.st_gid,
            found.st_nlink,
            elsewhere | found.st_ino,
            (os.major(found.st_rdev), os.minor(found.st_rdev)) if is_device else (0, 0),
            found.st_atime_ns,
            found.st_mtime_ns,
            found.st_ctime_ns,
            room=found.st_blocks * 512,
        )

    def _name(self, path: str) -> bytes:
        inner = path.strip("/").encode("utf-8", "surrogateescape")
        return b"/".join([os.fsencode(self._folder), inner])

    def _refused(self, path: str, error: OSError) -> GuestFileError | OddGuest:
        if error.errno in (errno.EACCES, errno.EPERM):
            return GuestFileError(f"cannot read {self._place(path)}: {error.strerror}", path=path)
        return OddGuest(f"cannot read {self._place(path)}: {error.strerror}")

    @contextmanager
    def _named(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._refused(path, error) from None


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
