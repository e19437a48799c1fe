"""The files of a guest as one tree, whichever engine reads them.

:class:`GuestTree` puts filesystems at their mount points and answers questions about guest paths. Symbolic
links, ``..`` and mount points are resolved here, inside the guest, with the rules of Linux (path_resolution(7)):
no link can lead out of the image, because there is no outside.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

from imgtools.errors import (
    BadImage,
    GuestFileError,
    GuestFileTooBig,
    ImgtoolsError,
    NoSuchGuestFile,
    NotADirectory,
    NotAFile,
    OddGuest,
    TooManyLinks,
)
from imgtools.files.paths import expand_braces, join, normalise, normalise_keeping_dots, parent_of
from imgtools.filesystems.api import Filesystem
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.request import Engine

if TYPE_CHECKING:
    from imgtools.records.found import FoundFile

MAX_LINKS = 40  # as Linux: MAXSYMLINKS in include/linux/namei.h
MAX_PATH = 4096  # PATH_MAX; a longer one comes from a damaged filesystem
NAMES_OF_DIRECTORIES = 64  # whose names are remembered, where letter case does not count
READ_LIMIT = 64 << 20  # bytes; no configuration file or database that is read whole comes near it


# What a reader says of a file that is damaged, or of one that cannot be read for another reason of its own.
DAMAGE = (OddGuest, BadImage, GuestFileError)
Refused = Callable[[str, ImgtoolsError], None]  # a path, and why it cannot be read
LeaveOut = Callable[[str], bool]  # of a path
# Of a file: its filesystem, the tree in it (btrfs' subvolumes number their inodes from one number on), its inode.
FileIdentity = tuple[int, int, int]


class GuestReader(Protocol):
    """Read-only questions about the files of a guest. Paths are absolute, with ``/``."""

    @property
    def served_by(self) -> Engine:
        """Which engine answers."""

    def exists(self, path: str) -> bool:
        """Whether ``path`` leads to something, links followed."""

    def is_file(self, path: str) -> bool:
        """Whether ``path`` leads to a regular file, links followed."""

    def is_dir(self, path: str) -> bool:
        """Whether ``path`` leads to a directory, links followed."""

    def stat(self, path: str) -> FileStat:
        """Return the facts of what ``path`` leads to, links followed."""

    def lstat(self, path: str) -> FileStat | None:
        """Return the facts of ``path`` itself, a link not followed; None if there is none."""

    def resolve(self, path: str) -> str:
        """Return ``path`` without links and dots, in the letter case that the guest uses."""

    def locate(self, path: str) -> str:
        """As :meth:`resolve`, but the last component is neither followed nor has to exist."""

    def read_bytes(self, path: str, *, limit: int = READ_LIMIT) -> bytes:
        """Return a whole file of at most ``limit`` bytes."""

    def read_text(self, path: str, *, limit: int = READ_LIMIT) -> str:
        """Return a whole file as text; bytes that are not UTF-8 become surrogate escapes."""

    def open(self, path: str) -> BinaryIO:
        """Open a regular file for reading."""

    def list_dir(self, path: str) -> Sequence[FileEntry]:
        """Return the entries of a directory, sorted by name."""

    def read_link(self, path: str) -> str:
        """Return the target of a symbolic link, as it is written."""

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        """Return the extended attributes of ``path``, a link not followed."""

    def walk(
        self, path: str, refused: Refused | None = None, leave_out: LeaveOut | None = None
    ) -> Iterator[FoundFile]:
        """Yield ``path`` and everything below it, a directory before its entries, links not followed.

        The entries of a directory come in the order of their names.

        :param refused: is told of a directory that cannot be read; without it, that is an error.
        :param leave_out: tells of a path that it does not count, with all below it, and is not looked into.
        """

    def identity(self, path: str, facts: FileStat) -> FileIdentity:
        """Return what names of one file share, and names of two do not; ``path`` is resolved, ``facts`` are its own."""

    def glob(self, pattern: str) -> Iterator[str]:
        """Yield the paths that a shell pattern matches, sorted (``*``, ``?``, ``[a-z]``, ``{a,b}``)."""


class _Place(NamedTuple):
    """A path within one mounted filesystem. A tuple, because one is made for every look at a file."""

    filesystem: Filesystem
    path: str


class GuestTree:
    """The guest's file tree made of filesystems at mount points; implements :class:`GuestReader`.

    :param filesystems: mount point to filesystem; there must be one at ``/``.
    """

    def __init__(self, filesystems: Mapping[str, Filesystem], served_by: Engine) -> None:
        self._mounted = {normalise(point): filesystem for point, filesystem in filesystems.items()}
        self._only = self._mounted.get("/") if len(self._mounted) == 1 else None
        self._served_by = served_by
        self._directories: dict[str, str] = {}  # asked-for directory -> resolved directory
        self._missing: set[str] = set()  # asked-for directories that are not there
        self._spelled: dict[str, dict[str, str]] = {}  # directory that ignores letter case -> its names

    @property
    def served_by(self) -> Engine:
        return self._served_by

    @property
    def mounted(self) -> Mapping[str, Filesystem]:
        """The filesystems by their mount points."""
        return dict(self._mounted)

    def forget(self) -> None:
        """Forget remembered directories: something below was renamed, removed or replaced."""
        self._directories.clear()
        self._missing.clear()
        self._spelled.clear()

    # -- finding one's way ---------------------------------------------------------------------------------

    def place(self, path: str) -> tuple[Filesystem, str]:
        """Return the filesystem that holds a resolved path, and the path within it."""
        found = self._place(path)
        return found.filesystem, found.path

    def _place(self, path: str) -> _Place:
        """Return the filesystem that holds the resolved ``path``, and the path within it."""
        if self._only is not None:
            return _Place(self._only, path)
        point = path
        while point not in self._mounted:
            point = parent_of(point)
        inner = path[len(point) :] if point != "/" else path
        return _Place(self._mounted[point], "/" + inner.lstrip("/"))

    def facts(self, path: str) -> FileStat | None:
        """Return the facts of a resolved path; None if it is not there."""
        return self._lookup(path)

    def _lookup(self, path: str) -> FileStat | None:
        place = self._place(path)
        return place.filesystem.lookup(place.path)

    def _step(self, directory: str, name: str) -> tuple[str, FileStat | None]:
        """Return the true path and facts of ``name`` in the resolved ``directory``."""
        if self._place(directory).filesystem.ignores_case:
            name = self._spelling(directory, name)
        path = join(directory, name)
        return path, self._lookup(path)

    def _spelling(self, directory: str, name: str) -> str:
        """Return how a directory that ignores letter case spells a name; one that it does not hold, as it is."""
        spelled = self._spelled.get(directory)
        if spelled is None:
            while len(self._spelled) >= NAMES_OF_DIRECTORIES:
                del self._spelled[next(iter(self._spelled))]
            place = self._place(directory)
            names = [entry.name for entry in place.filesystem.scan(place.path)]
            # Each as it is, and without letter case, where the first of several counts.
            spelled = {one.upper(): one for one in reversed(names)} | {one: one for one in names}
            self._spelled[directory] = spelled
        return spelled.get(name) or spelled.get(name.upper(), name)

    def _resolve(self, path: str, *, follow_last: bool, must_exist: bool = True) -> str:
        """Walk ``path`` component by component, as the kernel of the guest would."""
        todo = [part for part in reversed(path.split("/")) if part and part != "."]
        here, links = "/", 0
        while todo:
            name = todo.pop()
            if name == "..":
                here = parent_of(here)
                continue
            next_path, found = self._step(here, name)
            if found is None:
                if not todo and not must_exist:
                    return next_path
                raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
            if found.kind is FileKind.LINK and (todo or follow_last):
                links += 1
                if links > MAX_LINKS:
                    raise TooManyLinks(f"too many symbolic links: {path}", path=path)
                target = self._read_link(next_path)
                here = "/" if target.startswith("/") else here
                todo.extend(part for part in reversed(target.split("/")) if part and part != ".")
            elif todo and found.kind is not FileKind.DIRECTORY:
                raise NotADirectory(f"not a directory in the guest: {next_path}", path=path)
            else:
                here = next_path
        return here

    def resolve(self, path: str) -> str:
        return self._reach(path)[0]

    def _reach(self, path: str) -> tuple[str, FileStat | None]:
        """Return where ``path`` leads, links followed, and what is there."""
        directory, _, name = normalise_keeping_dots(path).rpartition("/")
        if name not in ("", ".", ".."):
            here, found = self._step(self._directory(directory or "/", path), name)
            if found is None:
                raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
            if found.kind is not FileKind.LINK:
                return here, found
            path = here
        true_path = self._resolve(path, follow_last=True)
        return true_path, self._lookup(true_path)

    def locate(self, path: str) -> str:
        directory, _, name = normalise_keeping_dots(path).rpartition("/")
        if name in ("", ".", ".."):
            return self._resolve(path, follow_last=True)
        true_directory = self._directory(directory or "/", path)
        if not self._place(true_directory).filesystem.ignores_case:
            return join(true_directory, name)
        return self._step(true_directory, name)[0]

    def _directory(self, path: str, asked: str = "") -> str:
        """Resolve a directory and remember the answer: most questions are about few directories.

        :param asked: the path in it that the question is about.
        """
        known = self._directories.get(path)
        if known is not None:
            return known
        # Made where it is raised: an error that a name refers to keeps its frame, and so this tree and its readers.
        if path in self._missing:
            raise NoSuchGuestFile(f"no such file in the guest: {asked or path}", path=asked or path)
        try:
            true_path = self._resolve(path, follow_last=True)
        except NoSuchGuestFile:
            self._missing.add(path)
            raise NoSuchGuestFile(f"no such file in the guest: {asked or path}", path=asked or path) from None
        found = self._lookup(true_path)
        if found is None or found.kind is not FileKind.DIRECTORY:
            raise NotADirectory(f"not a directory in the guest: {true_path}", path=path)
        self._directories[path] = true_path
        return true_path

    # -- questions -----------------------------------------------------------------------------------------

    def exists(self, path: str) -> bool:
        return self._followed(path) is not None

    def is_file(self, path: str) -> bool:
        found = self._followed(path)
        return found is not None and found.kind is FileKind.FILE

    def is_dir(self, path: str) -> bool:
        found = self._followed(path)
        return found is not None and found.kind is FileKind.DIRECTORY

    def _followed(self, path: str) -> FileStat | None:
        try:
            return self._reach(path)[1]
        except (NoSuchGuestFile, NotADirectory, TooManyLinks):
            return None

    def stat(self, path: str) -> FileStat:
        _, found = self._reach(path)
        if found is None:
            raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
        return found

    def lstat(self, path: str) -> FileStat | None:
        try:
            return self._lookup(self.locate(path))
        except (NoSuchGuestFile, NotADirectory, TooManyLinks):
            return None

    def read_link(self, path: str) -> str:
        true_path = self.locate(path)
        found = self._lookup(true_path)
        if found is None:
            raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
        if found.kind is not FileKind.LINK:
            raise NotAFile(f"not a symbolic link: {path}", path=path)
        return self._read_link(true_path)

    def _read_link(self, path: str) -> str:
        place = self._place(path)
        return place.filesystem.read_link(place.path)

    def open(self, path: str) -> BinaryIO:
        true_path, found = self._reach(path)
        if found is None:
            raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
        if found.kind is FileKind.DIRECTORY:
            raise NotAFile(f"is a directory: {path}", path=path)
        if found.kind is not FileKind.FILE:
            raise NotAFile(f"not a regular file: {path}", path=path)
        place = self._place(true_path)
        return place.filesystem.open(place.path)

    def read_bytes(self, path: str, *, limit: int = READ_LIMIT) -> bytes:
        with self.open(path) as stream:
            content = stream.read(limit + 1)
        if len(content) > limit:
            raise GuestFileTooBig(f"larger than {limit} bytes: {path}", path=path)
        return content

    def read_text(self, path: str, *, limit: int = READ_LIMIT) -> str:
        return self.read_bytes(path, limit=limit).decode("utf-8", "surrogateescape")

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        place = self._place(self.locate(path))
        return place.filesystem.xattrs(place.path)

    # -- many files ----------------------------------------------------------------------------------------

    def _entries(self, directory: str) -> Sequence[FileEntry]:
        """Return the entries of a resolved directory, with the roots of what is mounted on them."""
        place = self._place(directory)
        entries = place.filesystem.scan(place.path)
        points = {point for point in self._mounted if point != "/" and parent_of(point) == directory}
        if not points:
            return entries
        return [self._with_mount(directory, entry, points) for entry in entries]

    def _with_mount(self, directory: str, entry: FileEntry, points: set[str]) -> FileEntry:
        path = join(directory, entry.name)
        root = self._mounted[path].lookup("/") if path in points else None
        return entry if root is None else FileEntry(entry.name, root)

    def list_dir(self, path: str) -> Sequence[FileEntry]:
        true_path, found = self._reach(path)
        if found is None or found.kind is not FileKind.DIRECTORY:
            raise NotADirectory(f"not a directory in the guest: {path}", path=path)
        return sorted(self._entries(true_path), key=lambda entry: entry.name)

    def walk(
        self, path: str, refused: Refused | None = None, leave_out: LeaveOut | None = None
    ) -> Iterator[FoundFile]:
        from imgtools.records.found import FoundFile

        top, found = self._reach(path)
        if found is None:
            raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
        # A damaged filesystem can contain a folder in itself: never enter one that we are inside of.
        todo: list[tuple[str, FileStat, frozenset[FileIdentity]]] = [(top, found, frozenset())]
        while todo:
            here, stat, above = todo.pop()
            if leave_out is not None and leave_out(here):
                continue
            yield FoundFile(here, stat)
            if stat.kind is not FileKind.DIRECTORY or len(here) > MAX_PATH:
                continue
            identity = self.identity(here, stat)
            if stat.inode and identity in above:
                continue
            inside = above | {identity}
            try:
                entries = sorted(self._entries(here), key=lambda entry: entry.name, reverse=True)
            except DAMAGE as error:
                if refused is None:
                    raise
                refused(here, error)
                continue
            todo.extend((join(here, entry.name), entry.stat, inside) for entry in entries)

    def identity(self, path: str, facts: FileStat) -> FileIdentity:
        return id(self._place(path).filesystem), facts.tree, facts.inode

    def glob(self, pattern: str) -> Iterator[str]:
        found: set[str] = set()
        for plain in expand_braces(pattern):
            found.update(self._glob("/", [part for part in plain.split("/") if part]))
        yield from sorted(found)

    def _glob(self, directory: str, parts: Sequence[str]) -> Iterator[str]:
        if not parts:
            return
        name, rest = parts[0], parts[1:]
        for match in self._matching(directory, name):
            path = join(directory, match)
            if not rest:
                yield path
            elif self.is_dir(path):
                yield from self._glob(path, rest)

    def _matching(self, directory: str, name: str) -> Iterator[str]:
        """Yield the names in ``directory`` that one component of a pattern matches."""
        if not any(letter in name for letter in "*?["):
            if self.lstat(join(directory, name)) is not None:
                yield self.locate(join(directory, name)).rpartition("/")[2]
            return
        if not self.is_dir(directory):
            return
        ignores_case = self._place(self._directory(directory)).filesystem.ignores_case
        matches = re.compile(fnmatch.translate(name), re.IGNORECASE if ignores_case else 0).match
        for entry in self._entries(self._directory(directory)):
            # As in a shell, a leading dot must be asked for.
            if matches(entry.name) and (name.startswith(".") or not entry.name.startswith(".")):
                yield entry.name
