"""What keeps sudo from working: owners and modes that it refuses, lines that do not parse.

sudo takes no rules from a file that another than root owns, or that others may write; one bad line makes it refuse all.
The station tells it, and the repair mends by it.

Source: sudoers(5), sudo_secure_path() in lib/util/secure_path.c of sudo 1.9; visudo of the host for the syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sudo import FOLDER, LIMIT, PROGRAMS
from imgtools.guest.accounts.users import MAX_RULE_FILES, SUDOERS
from imgtools.guest.checks import Problem, problems_of
from imgtools.records.disks import Layout
from imgtools.records.files import FileStat

NOTHING = Layout(())
SET_USER_ID = 0o4000


@dataclass(frozen=True, slots=True)
class SudoTrouble:
    """What sudo does not take: ``kind`` is ``program``, ``missing``, ``mode`` or ``syntax``."""

    kind: str
    path: str
    text: str
    line: int = 0
    is_main: bool = True


def sudo_troubles(files: GuestReader) -> tuple[SudoTrouble, ...] | None:
    """Return what keeps sudo from working; None if the guest has none."""
    return tuple(_troubles(files)) if has_sudo(files) else None


def _troubles(files: GuestReader) -> Iterator[SudoTrouble]:
    main = main_file(files)
    read = {main, *PROGRAMS, *((FOLDER, *drop_ins(files)) if _reads_folder(files, main) else ())}
    yield from (one for one, _stat in access_troubles(files) if one.path in read)
    if not files.is_file(main):
        yield SudoTrouble("missing", main, "not there")
        return
    for path in (main, *(one for one in drop_ins(files) if one in read)):
        if files.stat(path).size <= LIMIT:
            for fault in syntax_faults(files.read_bytes(path, limit=LIMIT)):
                yield SudoTrouble("syntax", path, fault.text, fault.line, is_main=path == main)


def has_sudo(files: GuestReader) -> bool:
    """Whether sudo is installed."""
    return any(files.is_file(path) for path in PROGRAMS)


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


def _reads_folder(files: GuestReader, main: str) -> bool:
    if not files.is_file(main) or files.stat(main).size > LIMIT:
        return False
    text = files.read_text(main, limit=LIMIT)
    return re.search(r"(?m)^[ \t]*[#@]includedir[ \t]+\S*sudoers\.d", text) is not None


def access_troubles(files: GuestReader) -> Iterator[tuple[SudoTrouble, FileStat]]:
    """Yield what sudo refuses for its owner or mode, a folder too, and programs that do not become root."""
    main = main_file(files)
    for path in (main, FOLDER, *drop_ins(files)):
        if files.exists(path):
            stat = files.stat(path)
            if said := _refused(stat):
                yield SudoTrouble("mode", path, said, is_main=path == main), stat
    for path in PROGRAMS:
        if files.is_file(path):
            stat = files.stat(path)
            if stat.uid or not stat.mode & SET_USER_ID:
                said = f"mode {stat.mode:04o}, owner {stat.uid}: it has to be 4755 and root's"
                yield SudoTrouble("program", path, said), stat


def _refused(stat: FileStat) -> str:
    if stat.uid:
        return f"belongs to user {stat.uid}, not to root"
    if stat.mode & 0o002:
        return f"can be written by everybody (mode {stat.mode:04o})"
    if stat.mode & 0o020 and stat.gid:
        return f"can be written by group {stat.gid} (mode {stat.mode:04o})"
    return ""


def syntax_faults(content: bytes) -> tuple[Problem, ...]:
    """Return what visudo says of the content of a file of rules; empty where it finds nothing, or is not there.

    What it includes is looked at by itself: visudo would take the host's own files.
    """
    problems = problems_of(SUDOERS[0], content, NOTHING, None) if content.strip() else ()
    return tuple(one for one in problems if one.is_fatal)
