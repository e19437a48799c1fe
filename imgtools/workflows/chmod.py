"""Change the permissions of files of a guest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from imgtools.change.change import SetMode
from imgtools.errors import NoSuchGuestFile, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.records.files import FileKind, FileStat
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.workflows.writing import PlanReport, carry_out, open_for

CLAUSE = re.compile(r"([ugoa]*)((?:[-+=][rwxXst]*)+)")
SHIFTS = {"u": 6, "g": 3, "o": 0}
BITS = {"r": 4, "w": 2, "x": 1}
SPECIAL = {"u": 0o4000, "g": 0o2000, "o": 0}


def change_modes(
    request: ImageRequest,
    target: Target,
    mode: str,
    paths: Sequence[str],
    *,
    recursive: bool = False,
    progress: Progress | None = None,
) -> PlanReport:
    """Change permissions: ``0644`` or ``u+rw,go-w`` as for chmod(1). Links are followed, but not below a directory.

    :raises UsageError: the mode does not parse.
    :raises NoSuchGuestFile: a path is not there.
    """
    new_mode(mode, FileStat(FileKind.FILE, 0))
    with open_for(request, target) as image:
        view = view_files(image, request, change=True)
        changes = [
            change
            for path in paths
            for change in _changes(view.files, view.path(path), mode, recursive=recursive)
        ]
        return carry_out(image, changes, view, target, progress=progress)


def _changes(files: GuestReader, path: str, mode: str, *, recursive: bool) -> Iterator[SetMode]:
    if not files.exists(path):
        raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
    true_path = files.resolve(path)
    if not recursive:
        yield from _change(true_path, files.stat(true_path), mode)
        return
    for found in files.walk(true_path):
        if found.stat.kind is not FileKind.LINK:
            yield from _change(found.path, found.stat, mode)


def _change(path: str, stat: FileStat, mode: str) -> Iterator[SetMode]:
    wanted = new_mode(mode, stat)
    if wanted != stat.mode:
        yield SetMode(path, wanted)


def new_mode(text: str, stat: FileStat) -> int:
    """Return the permission bits that ``text`` makes of a file's, by the rules of chmod(1).

    :raises UsageError: the text is not a mode.
    """
    if re.fullmatch(r"[0-7]{1,4}", text):
        return int(text, 8)
    mode = stat.mode
    for clause in text.split(","):
        match = CLAUSE.fullmatch(clause)
        if match is None:
            raise UsageError(f"not a mode: {text!r}", hint="write octal digits (0644) or letters (u+rw,go-w)")
        for operator, letters in re.findall(r"([-+=])([rwxXst]*)", match[2]):
            mode = _apply(mode, match[1].replace("a", "ugo") or "ugo", operator, letters, stat.kind)
    return mode


def _apply(mode: int, who: str, operator: str, letters: str, kind: FileKind) -> int:
    wanted = cleared = 0
    for person in who:
        shift = SHIFTS[person]
        for letter in letters:
            if letter == "X":  # execute, where somebody may already, and for directories
                wanted |= (1 << shift) if kind is FileKind.DIRECTORY or mode & 0o111 else 0
            elif letter == "s":
                wanted |= SPECIAL[person]
            elif letter != "t":
                wanted |= BITS[letter] << shift
        cleared |= (7 << shift) | SPECIAL[person]
    if "t" in letters:
        wanted |= 0o1000
    if operator == "+":
        return mode | wanted
    if operator == "-":
        return mode & ~wanted
    return (mode & ~cleared) | wanted
