"""Where the room of a guest went: by folder, and by the package that brought it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.errors import UnsupportedGuest
from imgtools.files.paths import parent_of
from imgtools.files.refused import RefusedFiles
from imgtools.files.tree import FileIdentity, GuestReader
from imgtools.guest.find.tree import FileView, view_files
from imgtools.guest.packages.owned_files import OwnedPaths, owned_paths
from imgtools.image.handle import open_request
from imgtools.records.files import FileKind
from imgtools.records.found import FoundFile
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class FolderRoom:
    """A folder with all below it: the bytes that are taken, the bytes that its files say they have, and their number.

    A folder counts as a file; a file with several names counts once, where it is met first.
    """

    path: str
    room: int
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class PackageRoom:
    """The files below the folder that a package owns; the package "" is none."""

    package: str
    room: int
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class DuReport:
    """Folders, the largest first, ``path`` itself among them; packages if they were asked for, the largest first."""

    image: str
    engine: Engine
    path: str
    folders: tuple[FolderRoom, ...]
    packages: tuple[PackageRoom, ...] = ()
    warnings: tuple[Warned, ...] = ()
    incomplete: bool = False  # something could not be read; the warnings say what


def measure_room(
    request: ImageRequest, path: str = "/", *, max_depth: int | None = 1, packages: bool = False
) -> DuReport:
    """Count the room of ``path`` and of the folders below it, as du does: mounted volumes too, links not followed.

    What cannot be read of one folder is a warning, and the others are counted.

    :param max_depth: levels of folders below ``path`` that are told of; None: all of them.
    :param packages: also say which packages own it.
    :raises NoSuchGuestFile: the path is not there.
    :raises UnsupportedGuest: packages were asked for, and nobody knows what those of this guest own.
    """
    with open_request(request) as image:
        view = view_files(image, request)
        top = view.files.locate(view.path(path))
        refused = RefusedFiles()
        owned = _owned(view, refused) if packages else None
        sums, owners = _Sums(), _Sums()
        for found in _once(view.files, top, refused):
            sums.add(_folder_of(found, top, max_depth), found)
            if owned is not None and found.stat.kind is not FileKind.DIRECTORY:
                owners.add(owned.owner(found.path) or "", found)
        sums.add_up(top)
        folders = [FolderRoom(*one) for one in sums.rows()]
        return DuReport(
            request.name,
            view.files.served_by,
            top,
            tuple(sorted(folders, key=lambda one: (-one.room, one.path))),
            tuple(
                sorted((PackageRoom(*one) for one in owners.rows()), key=lambda one: (-one.room, one.package))
            ),
            (*view.warnings, *refused.warnings),
            bool(refused),
        )


def _owned(view: FileView, refused: RefusedFiles) -> OwnedPaths:
    if view.guest is None:
        raise UnsupportedGuest(
            "no packages are known without a guest", hint="leave --packages or --mount away"
        )
    return owned_paths(view.files, view.guest.os.package_format, refused)


def _once(files: GuestReader, top: str, refused: RefusedFiles) -> Iterator[FoundFile]:
    """Yield all files below ``top``, one with several names under the first of them."""
    stat = files.lstat(top)
    if stat is not None and stat.kind is FileKind.LINK:
        yield FoundFile(top, stat)
        return
    seen: set[FileIdentity] = set()
    for found in files.walk(top, refused):
        refused.note_inode(found)
        if found.stat.links > 1 and found.stat.kind is not FileKind.DIRECTORY and found.stat.inode:
            identity = files.identity(found.path, found.stat)
            if identity in seen:
                continue
            seen.add(identity)
        yield found


def _folder_of(found: FoundFile, top: str, max_depth: int | None) -> str:
    """Return the folder of the report in which a file is counted: itself, or one above it."""
    if found.path == top:
        return top
    folder = found.path if found.stat.kind is FileKind.DIRECTORY else parent_of(found.path)
    if max_depth is None:
        return folder
    base = "" if top == "/" else top
    parts = folder[len(base) :].split("/")[1:]
    return base + "".join(f"/{part}" for part in parts[:max_depth]) or "/" if any(parts) else top


class _Sums:
    """Bytes and numbers of files by a name."""

    def __init__(self) -> None:
        self._room: Counter[str] = Counter()
        self._size: Counter[str] = Counter()
        self._files: Counter[str] = Counter()

    def add(self, name: str, found: FoundFile) -> None:
        """Count a file; one of which nobody tells the room takes what it says it has."""
        stat = found.stat
        self._room[name] += stat.size if stat.room is None else stat.room
        self._size[name] += stat.size
        self._files[name] += 1

    def add_up(self, top: str) -> None:
        """Add each folder to the one above it, the deepest first, up to ``top``."""
        for path in sorted(self._files, key=lambda one: one.count("/"), reverse=True):
            if path != top and path != "/":
                above = parent_of(path)
                for sums in (self._room, self._size, self._files):
                    sums[above] += sums[path]

    def rows(self) -> Iterator[tuple[str, int, int, int]]:
        """Yield a name with its room, its size and its number of files."""
        for name, files in self._files.items():
            yield name, self._room[name], self._size[name], files
