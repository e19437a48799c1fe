"""What an engine offers: a session with one image open, and filesystems with raw answers.

Both engines and the in-memory guest of the tests answer these few questions; everything a user sees (symbolic
links, mount points, letter case, globs, walks, limits) is built once on top of them in ``image/files.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO, Protocol

from imgtools.records import Declined, Engine, FileEntry, FileKind, FileStat, Layout, Mount, Usage, Volume


class CannotWrite(Exception):
    """An engine finds that it must leave a plan to the other one; the overlay is thrown away."""

    def __init__(self, declined: Declined) -> None:
        super().__init__(declined.reason)
        self.declined = declined


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

    @property
    def warning(self) -> str:
        """What a user should know of how the disk was opened (it is in use); empty as a rule."""

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset``; fewer only at the end of the disk."""


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


class WriteSession(Protocol):
    """An overlay opened for writing by one engine."""

    @property
    def engine(self) -> Engine:
        """Which engine this is."""

    def mount(self, volume: Volume, options: str = "") -> FilesystemWriter | Declined:
        """Mount ``volume`` for writing, or say why not."""

    def finish(self) -> None:
        """Flush, unmount and check every filesystem that was written; raises RolledBack if one is not clean."""

    def check(self, volume: Volume) -> None:
        """Have a filesystem checked that was not written; raises RolledBack if it is not clean as it is."""

    def reread(self, volume: Volume, options: str = "") -> Filesystem | Declined:
        """Mount ``volume`` read-only after :meth:`finish`, to read again what was written."""

    def close(self) -> None:
        """Let everything go, also after an error."""


class GuestRunner(WriteSession, Protocol):
    """What only a booted engine can do: change whole volumes, and run programs in the guest's tree."""

    def set_uuid(self, device: str, uuid: str) -> None:
        """Give the filesystem on ``device`` a new UUID; empty: a random one."""

    def new_lvm_uuids(self, groups: Sequence[str], keep_groups: Sequence[str]) -> Declined | None:
        """Give volume groups and their physical volumes new UUIDs, or say why not; the groups to keep keep theirs.

        The direct engine can do this too.
        """

    def run(self, mounts: Sequence[Mount], script: str, *, network: bool) -> None:
        """Run a shell script in the guest's tree; raises EditFailed with its last words if it fails."""

    def relabel(self, mounts: Sequence[Mount], paths: Sequence[str]) -> None:
        """Give files the SELinux labels of the guest's own policy; no paths: all files."""
