"""Look for a text in files of a guest, packed ones too."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from imgtools.errors import ToolMissing, UsageError
from imgtools.files.line_search import LineHit, LinePattern, LineSearch
from imgtools.files.patterns import named_paths
from imgtools.files.refused import RefusedFiles
from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.guest.logs.grep_file import IN_BINARY, grep_file
from imgtools.image.handle import open_request
from imgtools.records.files import FileKind
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned

NameTest = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class GrepWanted:
    """Which files are searched, and what is taken from them."""

    include: tuple[str, ...] = ()  # shell patterns over the last component; none: every file
    exclude: tuple[str, ...] = ()  # files that are not searched
    exclude_dir: tuple[str, ...] = ()  # folders that are not looked into
    as_text: bool = False  # lines of binary files too; else only whether there is one
    only_matching: bool = False  # the matches, not the lines


@dataclass(frozen=True, slots=True)
class GrepRow:
    """One line. ``match``: it is one; else it stands beside one. Of a binary file: line 0, and no text."""

    path: str
    line: int
    text: str
    match: bool = True
    binary: bool = False


@dataclass(frozen=True, slots=True)
class GrepReport:
    """The lines found, file by file in the order in which they were named, those of a folder in that of their paths."""

    image: str
    engine: Engine
    rows: tuple[GrepRow, ...]
    searched: int = 0  # files
    warnings: tuple[Warned, ...] = ()
    incomplete: bool = False  # something could not be read; the warnings say what


@dataclass(slots=True)
class OpenGrep:
    """Lines being found. ``rows`` are made as they are taken; what is counted is complete when they have ended."""

    image: str
    engine: Engine
    several: bool  # a line does not say by itself which file it is of
    known_warnings: tuple[Warned, ...]
    refused: RefusedFiles
    rows: Iterator[GrepRow] = field(default_factory=lambda: iter(()))
    searched: int = 0
    found: bool = False

    def report(self, rows: Iterable[GrepRow] | None = None) -> GrepReport:
        """Return the report, with all lines, or with those that are given."""
        held = tuple(self.rows if rows is None else rows)
        warnings = (*self.known_warnings, *self.refused.warnings)
        return GrepReport(self.image, self.engine, held, self.searched, warnings, bool(self.refused))


def grep_files(
    request: ImageRequest, pattern: LinePattern, paths: Sequence[str], wanted: GrepWanted | None = None
) -> GrepReport:
    """Find lines and hold all of them; else as :func:`open_grep`."""
    with open_grep(request, pattern, paths, wanted) as found:
        return found.report()


@contextmanager
def open_grep(
    request: ImageRequest, pattern: LinePattern, paths: Sequence[str], wanted: GrepWanted | None = None
) -> Iterator[OpenGrep]:
    """Look for lines in files, and in all files below folders; links below a folder are not followed.

    What is packed as logs are (gz, xz, bz2, zst) is unpacked, and text in UTF-16 is read as what it says. What cannot
    be read of one file is a warning, and the others are searched.

    :param paths: files, folders, and shell patterns where no file has such a name.
    :raises UsageError: no regular expression, or options that do not go together.
    :raises NoSuchGuestFile: one of the paths is not there, before anything is searched.
    """
    wanted = wanted or GrepWanted()
    search = LineSearch(pattern)
    if wanted.only_matching and pattern.invert:
        raise UsageError("lines without a match have no match to show", hint="leave --only-matching away")
    with open_request(request) as image:
        view = view_files(image, request)
        refused = RefusedFiles()
        tops = [top for path in paths for top in _tops(view.files, view.path(path), refused)]
        several = len(tops) != 1 or view.files.is_dir(tops[0])
        found = OpenGrep(str(request.host_path), view.files.served_by, several, view.warnings, refused)
        found.rows = _rows(view.files, tops, search, wanted, found)
        yield found


def _tops(files: GuestReader, path: str, refused: RefusedFiles) -> list[str]:
    """Return what a word names: a path, or those that a shell pattern matches, but for links that lead nowhere."""
    named = named_paths(files, path)
    if len(named) == 1:
        return [files.resolve(named[0])]
    for one in named:
        if not files.exists(one):
            refused(one, "the link leads nowhere")
    return [files.resolve(one) for one in named if files.exists(one)]


def _rows(
    files: GuestReader, tops: Sequence[str], search: LineSearch, wanted: GrepWanted, found: OpenGrep
) -> Iterator[GrepRow]:
    for path in _chosen(files, tops, wanted, found.refused):
        found.searched += 1
        try:
            for hit in grep_file(files, path, search, found.refused, as_text=wanted.as_text):
                found.found |= hit.is_match
                yield from _shown(path, hit, search, wanted)
        except (*DAMAGE, ToolMissing) as error:
            found.refused(path, error)


def _chosen(
    files: GuestReader, tops: Sequence[str], wanted: GrepWanted, refused: RefusedFiles
) -> Iterator[str]:
    """Yield the regular files to be searched, each once; one that was named itself is searched whatever its name."""
    includes, excludes = _one_of(wanted.include), _one_of(wanted.exclude)
    leaves = _one_of(wanted.exclude_dir)
    for top in tops:
        if not files.is_dir(top):
            if files.is_file(top):
                yield top
            else:
                refused(top, "it is no regular file")
            continue
        for one in files.walk(top, refused, partial(_is_left_out, top, leaves)):
            refused.note_inode(one)
            if one.stat.kind is not FileKind.FILE or (wanted.include and not includes(one.path)):
                continue
            if not excludes(one.path):
                yield one.path


def _is_left_out(top: str, leaves: NameTest, path: str) -> bool:
    """Whether a folder is left out; one that was named itself is not."""
    return path != top and leaves(path)


def _one_of(patterns: Sequence[str]) -> NameTest:
    """Return what says whether the last component of a path is as one of the shell patterns has it."""
    if not patterns:
        return lambda path: False
    either = re.compile("|".join(fnmatch.translate(one) for one in patterns)).match
    return lambda path: either(path.rpartition("/")[2]) is not None


def _shown(path: str, hit: LineHit, search: LineSearch, wanted: GrepWanted) -> Iterator[GrepRow]:
    if hit is IN_BINARY or not wanted.only_matching:
        yield GrepRow(path, hit.number, hit.text, hit.is_match, hit is IN_BINARY)
    elif hit.is_match:
        for text in search.matches(hit.text):
            yield GrepRow(path, hit.number, text)
