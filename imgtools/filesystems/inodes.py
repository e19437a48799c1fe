"""Filesystems that know their files by number: paths, directories and their cache, once for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO, Protocol

from imgtools.errors import BadImage, NoSuchGuestFile, NotADirectory, NotAFile, OddGuest
from imgtools.records.disks import Declined
from imgtools.records.files import FileEntry, FileKind, FileStat

if TYPE_CHECKING:
    from imgtools.records.usage import Usage

NAMES_KEPT = 200_000  # of directories read before, over all of them; some 30 MB at most
DAMAGED = FileStat(FileKind.UNKNOWN, 0, 0, links=0)

# The kind in the upper bits of st_mode, inode(7).
KIND_OF_MODE = {
    0o010000: FileKind.FIFO,
    0o020000: FileKind.CHARACTER,
    0o040000: FileKind.DIRECTORY,
    0o060000: FileKind.BLOCK,
    0o100000: FileKind.FILE,
    0o120000: FileKind.LINK,
    0o140000: FileKind.SOCKET,
}


def is_impossible(name: str) -> bool:
    """Whether no file can have this name: Linux refuses to list it (fs/readdir.c, verify_dirent_name)."""
    return name in ("", ".", "..") or "/" in name or "\0" in name


class InodeReader(Protocol):
    """One filesystem's own structures. Every call may raise OddGuest or BadImage for damage."""

    @property
    def root(self) -> int:
        """The number of the root directory."""

    @property
    def ignores_case(self) -> bool:
        """Whether names are looked up without regard to case."""

    def stat(self, inode: int) -> FileStat:
        """Return the facts of one inode."""

    def names(self, inode: int) -> dict[str, int]:
        """Return the names in a directory and the inodes they lead to, without ``.`` and ``..``."""

    def link(self, inode: int) -> str:
        """Return the target of a symbolic link."""

    def content(self, inode: int) -> BinaryIO:
        """Open the content of a regular file."""

    def xattrs(self, inode: int) -> Mapping[str, bytes]:
        """Return the extended attributes."""

    def usage(self) -> Usage:
        """Return the numbers of ``statvfs``."""


def mount_reader(device: str, reader: InodeReader) -> InodeFilesystem | Declined:
    """Mount what ``reader`` reads, as every kernel does: only if its root is a directory."""
    try:
        kind = reader.stat(reader.root).kind
    except (OddGuest, BadImage) as error:
        return Declined(device, f"its root directory cannot be read: {error.message}", damaged=True)
    if kind is not FileKind.DIRECTORY:
        return Declined(device, f"damaged: its root is a {kind.name.lower()}, not a directory", damaged=True)
    return InodeFilesystem(reader)


class InodeFilesystem:
    """A mounted filesystem over an :class:`InodeReader`; implements :class:`imgtools.engine.api.Filesystem`."""

    def __init__(self, reader: InodeReader) -> None:
        self._reader = reader
        self._directories: dict[int, dict[str, int]] = {}
        self._uppers: dict[int, Mapping[str, int]] = {}  # names without letter case, where it does not count
        self._kept = 0
        self._last = ("", reader.root)  # the directory looked into last: most questions are about one

    @property
    def ignores_case(self) -> bool:
        return self._reader.ignores_case

    def lookup(self, path: str) -> FileStat | None:
        inode = self._find(path)
        return None if inode is None else self._stat(inode)

    def scan(self, path: str) -> Sequence[FileEntry]:
        inode = self._need(path)
        if self._reader.stat(inode).kind is not FileKind.DIRECTORY:
            raise NotADirectory(f"not a directory in the guest: {path}", path=path)
        names = self._names(inode)
        # In the order of the inodes, so that their table is read from front to back.
        return [
            FileEntry(name, self._stat(number)) for number, name in sorted((n, s) for s, n in names.items())
        ]

    def read_link(self, path: str) -> str:
        inode = self._need(path)
        if self._stat(inode).kind is not FileKind.LINK:
            raise NotAFile(f"not a symbolic link: {path}", path=path)
        return self._reader.link(inode)

    def open(self, path: str) -> BinaryIO:
        inode = self._need(path)
        kind = self._reader.stat(inode).kind
        if kind is not FileKind.FILE:
            what = "is a directory" if kind is FileKind.DIRECTORY else "not a regular file"
            raise NotAFile(f"{what}: {path}", path=path)
        return self._reader.content(inode)

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        return self._reader.xattrs(self._need(path))

    def usage(self) -> Usage:
        return self._reader.usage()

    # -- finding -------------------------------------------------------------------------------------------

    def _stat(self, inode: int) -> FileStat:
        """The facts of an inode; one that is damaged must not take its whole folder with it."""
        try:
            return self._reader.stat(inode)
        except (OddGuest, BadImage):
            return DAMAGED

    def _need(self, path: str) -> int:
        inode = self._find(path)
        if inode is None:
            raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
        return inode

    def _find(self, path: str) -> int | None:
        parent, _, name = path.rpartition("/")
        known, directory = self._last
        if parent != known:
            found = self._walk(parent)
            if found is None:
                return None
            directory = found
            self._last = (parent, found)
        return self._child(directory, name) if name else directory

    def _walk(self, path: str) -> int | None:
        inode = self._reader.root
        for name in path.split("/"):
            if not name:
                continue
            found = self._child(inode, name)
            if found is None:
                return None
            inode = found
        return inode

    def _child(self, inode: int, name: str) -> int | None:
        if inode not in self._directories and self._stat(inode).kind is not FileKind.DIRECTORY:
            return None
        names = self._names(inode)
        if name in names or not self._reader.ignores_case:
            return names.get(name)
        uppers = self._uppers.get(inode)
        if uppers is None:
            # The first of several names counts: they are put in backwards.
            uppers = {known.upper(): number for known, number in reversed(names.items())}
            self._uppers[inode] = uppers
        return uppers.get(name.upper())

    def _names(self, inode: int) -> dict[str, int]:
        names = self._directories.get(inode)
        if names is None:
            names = self._reader.names(inode)
            if impossible := next((name for name in names if is_impossible(name)), None):
                raise OddGuest(
                    f"directory inode {inode} holds a name that cannot be: {impossible[:255]!r}",
                    hint="the filesystem is damaged",
                )
            while self._directories and self._kept + len(names) > NAMES_KEPT:
                oldest = next(iter(self._directories))
                self._kept -= len(self._directories.pop(oldest))
                self._uppers.pop(oldest, None)
            self._directories[inode] = names
            self._kept += len(names)
        return names
