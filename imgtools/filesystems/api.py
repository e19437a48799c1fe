"""What a mounted filesystem offers, whoever reads it: raw answers about its own files, and changes of them.

Both engines and the in-memory guest of the tests answer these few questions; everything a user sees (symbolic
links, mount points, letter case, globs, walks, limits) is built once on top of them in ``files/tree.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO, Protocol

from imgtools.records.disks import Declined
from imgtools.records.files import FileEntry, FileKind, FileStat

if TYPE_CHECKING:
    from imgtools.records.usage import Usage


class CannotWrite(Exception):
    """An engine finds that it must leave a plan to the other one; the overlay is thrown away."""

    def __init__(self, declined: Declined) -> None:
        super().__init__(declined.reason)
        self.declined = declined


class Filesystem(Protocol):
    """One filesystem, mounted read-only.

    Paths are absolute inside this filesystem, begin with ``/``, have no ``.``, ``..`` or doubled ``/``, and no
    component but the last is a symbolic link: ``files/tree.py`` has resolved them. Names that are not UTF-8
    are ``str`` with surrogate escapes.
    """

    @property
    def ignores_case(self) -> bool:
        """Whether names are looked up without regard to case (NTFS, FAT)."""

    def lookup(self, path: str) -> FileStat | None:
        """Return what ``lstat`` tells of ``path``, or None if there is no such name."""

    def scan(self, path: str) -> Sequence[FileEntry]:
        """Return the entries of the directory ``path`` without ``.`` and ``..``, in any order."""

    def read_link(self, path: str) -> str:
        """Return the target of the symbolic link ``path``, unresolved."""

    def open(self, path: str) -> BinaryIO:
        """Open the regular file ``path`` for reading: seekable, unbuffered or buffered."""

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        """Return the extended attributes of ``path`` (``security.selinux``, ``user.x`` ...)."""

    def usage(self) -> Usage:
        """Return the numbers of ``statvfs``."""


class FilesystemWriter(Filesystem, Protocol):
    """One filesystem, mounted for writing, on an overlay only. Paths as in :class:`Filesystem`.

    Every call raises EditFailed (no room, not supported by this filesystem) with the fact; nothing is ignored.
    """

    def write(self, path: str, content: BinaryIO) -> None:
        """Create a regular file 0644 root:root, or replace the content of one in place (inode, mode, owner stay)."""

    def truncate(self, path: str) -> None:
        """Empty a regular file."""

    def remove(self, path: str) -> None:
        """Remove a file, link, special file or empty directory."""

    def remove_tree(self, path: str) -> None:
        """Remove a directory and everything below it."""

    def make_directory(self, path: str, mode: int) -> None:
        """Make one directory, owned by root."""

    def make_link(self, path: str, target: str) -> None:
        """Make a symbolic link, owned by root."""

    def make_hard_link(self, path: str, target: str) -> None:
        """Give the file ``target`` a second name."""

    def make_special(self, path: str, kind: FileKind, device: tuple[int, int], mode: int) -> None:
        """Make a device node, fifo or socket, owned by root."""

    def rename(self, path: str, to: str) -> None:
        """Rename within this filesystem."""

    def set_mode(self, path: str, mode: int) -> None:
        """Set the permission bits (0o7777)."""

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        """Set both owners of ``path`` itself, a link not followed."""

    def set_times(self, path: str, atime: int, mtime: int) -> None:
        """Set both times, nanoseconds since 1970, a link not followed."""

    def set_xattr(self, path: str, name: str, value: bytes) -> None:
        """Set an extended attribute."""

    def remove_xattr(self, path: str, name: str) -> None:
        """Remove an extended attribute."""
