"""The files of a guest as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from imgtools.errors import NotADirectory
from imgtools.files.paths import join
from imgtools.files.refused import RefusedFiles
from imgtools.files.tree import DAMAGE, MAX_PATH, GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.image.handle import open_request
from imgtools.records.files import FileKind
from imgtools.records.found import FoundFile
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One file. ``depth`` is how far below the top it is, ``last`` whether it is the last of its folder.

    ``target`` is where a link leads.
    """

    path: str
    name: str
    kind: FileKind
    depth: int
    last: bool
    size: int
    mode: int
    target: str = ""


@dataclass(frozen=True, slots=True)
class TreeReport:
    """The files in the order in which a tree draws them: a folder before what is in it."""

    image: str
    engine: Engine
    path: str
    entries: tuple[TreeEntry, ...]
    directories: int = 0  # below the top
    files: int = 0  # and whatever else is no directory
    warnings: tuple[Warned, ...] = ()
    incomplete: bool = False  # something could not be read; the warnings say what


@dataclass(slots=True)
class OpenTree:
    """A tree being read. ``entries`` are made as they are taken; what is counted is complete when they have ended."""

    image: str
    engine: Engine
    path: str
    known_warnings: tuple[Warned, ...]
    refused: RefusedFiles
    entries: Iterator[TreeEntry] = field(default_factory=lambda: iter(()))
    directories: int = 0
    files: int = 0

    def report(self, entries: Iterable[TreeEntry] | None = None) -> TreeReport:
        """Return the report, with all entries, or with those that are given."""
        held = tuple(self.entries if entries is None else entries)
        return TreeReport(
            self.image,
            self.engine,
            self.path,
            held,
            self.directories,
            self.files,
            (*self.known_warnings, *self.refused.warnings),
            bool(self.refused),
        )


def list_tree(
    request: ImageRequest, path: str = "/", *, max_depth: int | None = None, only_directories: bool = False
) -> TreeReport:
    """Read a tree and hold all of it; else as :func:`open_tree`."""
    with open_tree(request, path, max_depth=max_depth, only_directories=only_directories) as tree:
        return tree.report()


@contextmanager
def open_tree(
    request: ImageRequest, path: str = "/", *, max_depth: int | None = None, only_directories: bool = False
) -> Iterator[OpenTree]:
    """Read a folder and what is below it, a file at a time; links are not followed, mount points are crossed.

    What cannot be read of one folder is a warning, and the others are read.

    :param max_depth: levels below ``path``; None: all.
    :param only_directories: leave out what is no directory.
    :raises NoSuchGuestFile: the path is not there.
    :raises NotADirectory: it is no directory.
    """
    with open_request(request) as image:
        view = view_files(image, request)
        top = view.files.resolve(view.path(path))
        if not view.files.is_dir(top):
            raise NotADirectory(f"not a directory in the guest: {top}", path=top)
        refused = RefusedFiles()
        tree = OpenTree(request.name, view.files.served_by, top, view.warnings, refused)
        tree.entries = _entries(view.files, top, max_depth, only_directories, tree)
        yield tree


def _entries(
    files: GuestReader, top: str, max_depth: int | None, only_directories: bool, tree: OpenTree
) -> Iterator[TreeEntry]:
    """Yield the top and what is below it. No folder is entered from within itself, as a damaged disk may have it."""
    facts = files.stat(top)
    yield TreeEntry(top, top, facts.kind, 0, True, facts.size, facts.mode)
    above = [files.identity(top, facts)]
    levels = [_folder(files, top, only_directories, tree)]
    while levels:
        one = next(levels[-1], None)
        if one is None:
            levels.pop()
            above.pop()
            continue
        found, last = one
        yield _entry(files, found, len(levels), last, tree)
        if found.stat.kind is not FileKind.DIRECTORY or len(found.path) > MAX_PATH:
            continue
        identity = files.identity(found.path, found.stat)
        if (max_depth is None or len(levels) < max_depth) and not (found.stat.inode and identity in above):
            levels.append(_folder(files, found.path, only_directories, tree))
            above.append(identity)


def _folder(
    files: GuestReader, path: str, only_directories: bool, tree: OpenTree
) -> Iterator[tuple[FoundFile, bool]]:
    """Yield what is in a folder, and whether it is the last of it."""
    try:
        entries = files.list_dir(path)
    except DAMAGE as error:
        tree.refused(path, error)
        return
    shown = [one for one in entries if not only_directories or one.stat.kind is FileKind.DIRECTORY]
    for number, one in enumerate(shown, start=1):
        yield FoundFile(join(path, one.name), one.stat), number == len(shown)


def _entry(files: GuestReader, found: FoundFile, depth: int, last: bool, tree: OpenTree) -> TreeEntry:
    stat, target = found.stat, ""
    tree.refused.note_inode(found)
    if stat.kind is FileKind.LINK:
        try:
            target = files.read_link(found.path)
        except DAMAGE as error:
            tree.refused(found.path, error)
    tree.directories += stat.kind is FileKind.DIRECTORY
    tree.files += stat.kind is not FileKind.DIRECTORY
    name = found.path.rpartition("/")[2]
    return TreeEntry(found.path, name, stat.kind, depth, last, stat.size, stat.mode, target)
