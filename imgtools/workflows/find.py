"""Find files of a guest by name, kind, size, age, owner and content."""

from __future__ import annotations

import fnmatch
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from imgtools.errors import UsageError
from imgtools.files.refused import RefusedFiles
from imgtools.files.tree import DAMAGE, READ_LIMIT, GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.image.handle import open_request
from imgtools.records.files import FileKind
from imgtools.records.found import FoundFile
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned
from imgtools.units import parse_size

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
KINDS = {
    "f": FileKind.FILE,
    "d": FileKind.DIRECTORY,
    "l": FileKind.LINK,
    "c": FileKind.CHARACTER,
    "b": FileKind.BLOCK,
    "p": FileKind.FIFO,
    "s": FileKind.SOCKET,
}
Predicate = Callable[[FoundFile], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; empty means any. Everything that is given must be true of a file."""

    name: str = ""  # shell pattern over the last component
    ignore_case: bool = False
    path: str = ""  # shell pattern over the whole path; * also matches /
    regex: str = ""  # Python regular expression, searched in the whole path
    kind: str = ""  # letters of find(1)'s -type: "f", "fl"
    size: str = ""  # "+10M" larger, "-1K" smaller, "512" exactly
    newer: str = ""  # "2d": changed less than two days ago
    older: str = ""
    perm: str = ""  # "4000": has all these bits; "=0644": exactly
    uid: int | None = None
    gid: int | None = None
    empty: bool = False
    contains: str = ""  # text in a regular file of at most 64 MiB
    max_depth: int | None = None


@dataclass(frozen=True, slots=True)
class FoundRow:
    """One file that was found, with the facts of ``lstat``."""

    path: str
    kind: FileKind
    size: int
    mode: int
    uid: int
    gid: int
    mtime: int


@dataclass(frozen=True, slots=True)
class FindReport:
    """The files found, in the order of their paths."""

    image: str
    engine: Engine
    path: str
    files: tuple[FoundRow, ...]
    warnings: tuple[Warned, ...] = ()
    incomplete: bool = False  # something could not be read; the warnings say what


@dataclass(slots=True)
class OpenFind:
    """Files being found. ``files`` are made as they are taken; ``refused`` is complete when they have ended."""

    image: str
    engine: Engine
    path: str
    files: Iterator[FoundRow]
    known_warnings: tuple[Warned, ...]
    refused: RefusedFiles

    def report(self, files: Iterable[FoundRow] | None = None) -> FindReport:
        """Return the report, with all files, or with those that are given."""
        held = tuple(self.files if files is None else files)
        warnings = (*self.known_warnings, *self.refused.warnings)
        return FindReport(self.image, self.engine, self.path, held, warnings, bool(self.refused))


def find_files(request: ImageRequest, path: str, wanted: Wanted, *, now: float | None = None) -> FindReport:
    """Find files below ``path`` and hold all of them; else as :func:`open_find`."""
    with open_find(request, path, wanted, now=now) as found:
        return found.report()


@contextmanager
def open_find(
    request: ImageRequest, path: str, wanted: Wanted, *, now: float | None = None
) -> Iterator[OpenFind]:
    """Find files below ``path``, one at a time; mount points are crossed, links are not followed.

    What cannot be read of one file or directory is a warning, and the others are found.

    :param now: seconds since 1970 that ages count from; None is the host's clock.
    :raises UsageError: a predicate does not parse.
    :raises NoSuchGuestFile: the path is not there.
    """
    simple = predicates(wanted, time.time() if now is None else now)
    with open_request(request) as image:
        view = view_files(image, request)
        top = view.files.resolve(view.path(path))
        refused = RefusedFiles()
        rows = (_row(found) for found in matching(view.files, top, wanted, simple, refused))
        yield OpenFind(request.name, view.files.served_by, top, rows, view.warnings, refused)


def matching(
    files: GuestReader, top: str, wanted: Wanted, simple: list[Predicate], refused: RefusedFiles
) -> Iterator[FoundFile]:
    """Yield the files below ``top`` for which every predicate holds; content is looked at last."""
    depth_of_top = 0 if top == "/" else top.count("/")
    for found in files.walk(top, refused):
        refused.note_inode(found)
        depth = (0 if found.path == "/" else found.path.count("/")) - depth_of_top
        if wanted.max_depth is not None and depth > wanted.max_depth:
            continue
        try:
            holds = all(holds(found) for holds in simple) and _content_holds(files, found, wanted)
        except DAMAGE as error:
            refused(found.path, error)
            continue
        if holds:
            yield found


def _row(found: FoundFile) -> FoundRow:
    stat = found.stat
    return FoundRow(found.path, stat.kind, stat.size, stat.mode, stat.uid, stat.gid, stat.mtime)


def _content_holds(files: GuestReader, found: FoundFile, wanted: Wanted) -> bool:
    if wanted.empty and not _is_empty(files, found):
        return False
    if not wanted.contains:
        return True
    if found.stat.kind is not FileKind.FILE or found.stat.size > READ_LIMIT:
        return False
    return wanted.contains.encode("utf-8", "surrogateescape") in files.read_bytes(found.path)


def _is_empty(files: GuestReader, found: FoundFile) -> bool:
    if found.stat.kind is FileKind.DIRECTORY:
        return not files.list_dir(found.path)
    return found.stat.kind is FileKind.FILE and found.stat.size == 0


def predicates(wanted: Wanted, now: float) -> list[Predicate]:
    """Return what must be true of a file, judged by its path and ``lstat`` alone.

    :raises UsageError: one of them does not parse.
    """
    found: list[Predicate] = []
    if wanted.name:
        found.append(_name_matches(wanted.name, ignore_case=wanted.ignore_case))
    if wanted.path:
        whole = re.compile(fnmatch.translate(wanted.path), re.IGNORECASE if wanted.ignore_case else 0)
        found.append(lambda file: whole.match(file.path) is not None)
    if wanted.regex:
        found.append(_regex_matches(wanted.regex, ignore_case=wanted.ignore_case))
    if wanted.kind:
        found.append(_kind_is(wanted.kind))
    if wanted.size:
        found.append(_size_is(wanted.size))
    if wanted.newer:
        found.append(_changed_since(now - parse_age(wanted.newer), newer=True))
    if wanted.older:
        found.append(_changed_since(now - parse_age(wanted.older), newer=False))
    if wanted.perm:
        found.append(_mode_is(wanted.perm))
    if wanted.uid is not None:
        found.append(lambda file: file.stat.uid == wanted.uid)
    if wanted.gid is not None:
        found.append(lambda file: file.stat.gid == wanted.gid)
    return found


def _name_matches(pattern: str, *, ignore_case: bool) -> Predicate:
    matches = re.compile(fnmatch.translate(pattern), re.IGNORECASE if ignore_case else 0).match
    return lambda file: matches(file.path.rpartition("/")[2] or "/") is not None


def _regex_matches(text: str, *, ignore_case: bool) -> Predicate:
    try:
        search = re.compile(text, re.IGNORECASE if ignore_case else 0).search
    except re.error as error:
        raise UsageError(f"not a regular expression: {text}: {error}") from None
    return lambda file: search(file.path) is not None


def _kind_is(letters: str) -> Predicate:
    unknown = [letter for letter in letters.replace(",", "") if letter not in KINDS]
    if unknown:
        raise UsageError(f"no such type: {unknown[0]}", hint="f file, d directory, l link, c, b, p, s")
    kinds = {KINDS[letter] for letter in letters.replace(",", "")}
    return lambda file: file.stat.kind in kinds


def _size_is(text: str) -> Predicate:
    size = parse_size(text.lstrip("+-"))
    if text.startswith("+"):
        return lambda file: file.stat.size > size
    if text.startswith("-"):
        return lambda file: file.stat.size < size
    return lambda file: file.stat.size == size


def parse_age(text: str) -> int:
    """Return the seconds of an age: ``90s``, ``15m``, ``2h``, ``7d``, ``1w``; days without a unit.

    :raises UsageError: the text is not an age.
    """
    match = re.fullmatch(r"(\d+)([smhdw]?)", text)
    if match is None:
        raise UsageError(f"not an age: {text!r}", hint="write 90s, 15m, 2h, 7d or 1w")
    return int(match[1]) * SECONDS[match[2] or "d"]


def _changed_since(moment: float, *, newer: bool) -> Predicate:
    nanoseconds = int(moment * 10**9)
    return lambda file: (file.stat.mtime > nanoseconds) is newer


def _mode_is(text: str) -> Predicate:
    digits = text.lstrip("=")
    if not re.fullmatch(r"[0-7]{1,4}", digits):
        raise UsageError(
            f"not a mode: {text!r}", hint="write octal digits: 4000 (has these bits), =0644 (exactly)"
        )
    mode = int(digits, 8)
    if text.startswith("="):
        return lambda file: file.stat.mode == mode
    return lambda file: file.stat.mode & mode == mode
