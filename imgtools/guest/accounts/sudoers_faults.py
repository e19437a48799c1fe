"""What keeps sudo from working: owners and modes that it refuses, lines that do not parse.

sudo takes no rules from a file that another than root owns, or that others may write; one bad line makes it refuse all.

Source: sudoers(5), sudo_secure_path() in lib/util/secure_path.c of sudo 1.9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sudo import FOLDER, LIMIT, PROGRAMS
from imgtools.guest.accounts.users import MAX_RULE_FILES, SUDOERS
from imgtools.guest.checks import Problem, problems_of
from imgtools.records.disks import Layout
from imgtools.records.files import FileStat

NOTHING = Layout(())


class SudoersFault(NamedTuple):
    """What is wrong with a file's owner or mode."""

    path: str
    text: str
    stat: FileStat


def main_file(files: GuestReader) -> str:
    """Return the file that sudo reads first; the usual one, if there is none."""
    return next((path for path in SUDOERS if files.is_file(path)), SUDOERS[0])


def drop_ins(files: GuestReader) -> tuple[str, ...]:
    """Return the files of sudoers.d that sudo reads: none with a dot in its name, or a tilde at its end."""
    if not files.is_dir(FOLDER):
        return ()
    names = [one.name for one in files.list_dir(FOLDER) if not re.search(r"\.|~$", one.name)]
    paths = (f"{FOLDER}/{name}" for name in names[:MAX_RULE_FILES])
    return tuple(path for path in paths if files.is_file(path) and files.stat(path).size <= LIMIT)


def has_sudo(files: GuestReader) -> bool:
    """Whether sudo is installed."""
    return any(files.is_file(path) for path in PROGRAMS)


def access_faults(files: GuestReader) -> Iterator[SudoersFault]:
    """Yield the files whose owner or mode sudo refuses; a folder too, and a program that does not become root."""
    for path in (main_file(files), FOLDER, *drop_ins(files)):
        if files.exists(path):
            stat = files.stat(path)
            if text := _refused(stat):
                yield SudoersFault(files.resolve(path), text, stat)
    for path in PROGRAMS:
        if files.is_file(path):
            stat = files.stat(path)
            if stat.uid or not stat.mode & 0o4000:
                yield SudoersFault(files.resolve(path), "does not become root (set-user-ID)", stat)


def _refused(stat: FileStat) -> str:
    if stat.uid:
        return f"belongs to user {stat.uid}, not to root"
    if stat.mode & 0o002:
        return f"can be written by everybody (mode {stat.mode:04o})"
    if stat.mode & 0o020 and stat.gid:
        return f"can be written by group {stat.gid} (mode {stat.mode:04o})"
    return ""


def syntax_faults(content: bytes) -> tuple[Problem, ...]:
    """Return what visudo says of the content of a file of rules; empty where it finds nothing, or is not there."""
    problems = problems_of("/etc/sudoers", content, NOTHING, None) if content.strip() else ()
    return tuple(one for one in problems if one.is_fatal)
