"""Whether passwd, shadow, group and gshadow parse and have anybody in them, and what their backups hold.

The shadow tools keep what a file was before their last change beside it, with a dash: passwd-, shadow-, group-,
gshadow- (passwd(5), shadow(5), vipw(8)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import FILE_LIMIT, GROUP, GSHADOW, PASSWD, SHADOW

WIDTH = {PASSWD: 7, SHADOW: 9, GROUP: 4, GSHADOW: 4}
# What a distribution gives root, where nothing else says; nobody gets in with the password.
ROOT_LINE = {
    PASSWD: "root:x:0:0:root:/root:{shell}",
    SHADOW: "root:*:::::::",
    GROUP: "root:x:0:",
    GSHADOW: "root:*::",
}


@dataclass(frozen=True, slots=True)
class AccountFileFault:
    """What is wrong with one of the files. ``backup`` is the copy that is whole; "" if there is none.

    ``restore``: the file holds nothing of use, so the backup takes its place; else ``lacks_root`` or ``bad_lines`` say
    what is wrong with it.
    """

    path: str
    text: str
    restore: bool
    backup: str = ""
    lacks_root: bool = False
    bad_lines: tuple[int, ...] = ()  # that do not parse, from 1 on


class BadLine(NamedTuple):
    """A line that does not parse, from 1 on, and why."""

    line: int
    text: str


def account_file_faults(files: GuestReader) -> Iterator[AccountFileFault]:
    """Yield what is wrong: a file that is missing, empty or no text, and one without root."""
    for path in WIDTH:
        backup = f"{path}-" if _root_line(files, f"{path}-") else ""
        if not files.is_file(path):
            # Not every distribution has shadows of groups, or of anybody.
            if path in (PASSWD, GROUP) or _wants(files, path):
                yield AccountFileFault(path, f"{path} is not there", True, backup)
            continue
        if files.stat(path).size > FILE_LIMIT:
            continue  # nobody can tell
        if not entries(files, path):
            yield AccountFileFault(path, f"{path} has no entry", True, backup)
        else:
            bad, lacks_root = tuple(one.line for one in bad_lines(files, path)), not _root_line(files, path)
            said = "has no entry of root" if lacks_root else f"line {bad[0] if bad else 0}: it does not parse"
            if bad or lacks_root:
                yield AccountFileFault(path, f"{path}, {said}", False, backup, lacks_root, bad)


def bad_lines(files: GuestReader, path: str) -> tuple[BadLine, ...]:
    """Return the lines of a file that do not parse, and which the C library passes over; none of one that is none."""
    if not files.is_file(path) or files.stat(path).size > FILE_LIMIT:
        return ()
    return tuple(bad_lines_of(path, files.read_text(path, limit=FILE_LIMIT)))


def bad_lines_of(path: str, text: str) -> Iterator[BadLine]:
    """Yield the lines that have not as many fields as they should, or no number where one has to be.

    What is in them is not shown: it may be a hash. Lines with a plus or a minus are of NIS, nsswitch.conf(5).
    """
    numbers = {PASSWD: (2, 3), GROUP: (2,)}.get(path, ())
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line[0] in "#+-":
            continue
        fields = line.rstrip("\r").split(":")
        if len(fields) != WIDTH[path]:
            yield BadLine(number, f"{len(fields)} fields where there should be {WIDTH[path]}")
        elif not fields[0] or any(not re.fullmatch("[0-9]+", fields[at]) for at in numbers):
            yield BadLine(number, "no name, or a number that is none")


def _wants(files: GuestReader, path: str) -> bool:
    """Whether passwd says that the passwords are in shadow."""
    return path == SHADOW and any(line.split(":")[1] == "x" for line in entries(files, PASSWD))


def entries(files: GuestReader, path: str) -> tuple[str, ...]:
    """Return the lines of a file that have as many fields as they should; none of one that is no text."""
    if not files.is_file(path) or files.stat(path).size > FILE_LIMIT:
        return ()
    text = files.read_text(path, limit=FILE_LIMIT)
    width = WIDTH[path.removesuffix("-")]
    return tuple(line for line in text.split("\n") if line.count(":") == width - 1 and "\0" not in line)


def root_line(files: GuestReader, path: str) -> str:
    """Return root's line, of the file's backup if it has one, else as a distribution writes it."""
    shell = next((one for one in ("/bin/bash", "/bin/ash") if files.is_file(one)), "/bin/sh")
    return _root_line(files, f"{path}-") or ROOT_LINE[path].format(shell=shell)


def entry_of(files: GuestReader, path: str, name: str) -> str:
    """Return the line of a name; "" if there is none."""
    return next((line for line in entries(files, path) if line.partition(":")[0] == name), "")


def _root_line(files: GuestReader, path: str) -> str:
    return entry_of(files, path, "root")
