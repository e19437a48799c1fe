"""What an engine offers: a session with one image open, and filesystems with raw answers.

Both engines and the in-memory guest of the tests answer these few questions; everything a user sees (symbolic
links, mount points, letter case, globs, walks, limits) is built once on top of them in ``image/files.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO, Protocol

from imgtools.records import Declined, Engine, FileEntry, FileStat, Layout, Usage, Volume


class Filesystem(Protocol):
    """One filesystem, mounted read-only.

    Paths are absolute inside this filesystem, begin with ``/``, have no ``.``, ``..`` or doubled ``/``, and no
    component but the last is a symbolic link: ``image/files.py`` has resolved them. Names that are not UTF-8
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


class Session(Protocol):
    """One image (all its disks) opened by one engine."""

    @property
    def engine(self) -> Engine:
        """Which engine this is."""

    def layout(self) -> Layout:
        """Return partitions, LVM and volumes; what could not be looked into is in ``unread``."""

    def mount(self, volume: Volume, options: str = "") -> Filesystem | Declined:
        """Mount ``volume`` read-only, or say why not. Mounting the same volume again is cheap."""

    def close(self) -> None:
        """Let everything go. Errors of the last flush surface here."""


class DiskServer(Protocol):
    """A disk of the image, exported read-only over NBD on a unix socket by qemu-nbd."""

    @property
    def socket(self) -> str:
        """The path of the unix socket."""

    @property
    def size(self) -> int:
        """The virtual size in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset``; fewer only at the end of the disk."""
