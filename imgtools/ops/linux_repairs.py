"""Steps that repairs of Linux take: a line commented out with its reason, what a parameter has to say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from imgtools.change.change import Change, MakeDirectory, WriteFile
from imgtools.files.tree import GuestReader

MARK = "imgtools"


def require_said(value: str | Sequence[str], name: str) -> None:
    """Refuse a parameter that has no default that anybody means.

    :raises ValueError: it is empty.
    """
    if not value:
        raise ValueError(f"the parameter {name} is missing; say it with --set")


def one_of(value: str, name: str, known: Iterable[str]) -> None:
    """Refuse a parameter that is none of the words that mean something.

    :raises ValueError: it is another.
    """
    if value not in known:
        raise ValueError(f"not a value for {name}: {value!r}; one of {', '.join(known)}")


MISSING = ("nofail", "comment")


@dataclass(frozen=True, slots=True)
class MissingParams:
    """``missing``: what becomes of a line whose device is gone and that no volume fits: nofail or comment."""

    missing: str = "nofail"

    def __post_init__(self) -> None:
        one_of(self.missing, "missing", MISSING)


def commented(line: str, reason: str) -> str:
    """Return a line of a file as a comment, with the reason on a line before it."""
    clean = re.sub(r"[^\x20-\x7e\u00a0-\uffff]", "?", reason)
    return f"# {MARK}: {clean}\n# {line}"


def only_what_differs(files: GuestReader, changes: Iterable[Change]) -> Iterator[Change]:
    """Yield changes without files that have their content and facts already, and folders that are there."""
    for change in changes:
        if isinstance(change, MakeDirectory) and files.is_dir(change.path):
            continue
        if isinstance(change, WriteFile) and files.is_file(change.path) and _is_so(files, change):
            continue
        yield change


def _is_so(files: GuestReader, change: WriteFile) -> bool:
    stat = files.stat(change.path)
    wanted = ((change.mode, stat.mode), (change.uid, stat.uid), (change.gid, stat.gid))
    if any(value is not None and value != now for value, now in wanted):
        return False
    return stat.size == len(change.content) and files.read_bytes(change.path) == change.content


def free_name(files: GuestReader, path: str) -> str:
    """Return a path that is not taken: the one that is asked for, or that with a number behind it."""
    number = 1
    found = path
    while files.lstat(found) is not None:
        number += 1
        found = f"{path}{number}"
    return found
