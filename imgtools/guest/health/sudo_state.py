"""Whether sudo takes its files: syntax by visudo, owners and modes as sudo itself wants them (sudo_secure_file)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sudo import PROGRAMS
from imgtools.guest.accounts.users import RULES_LIMIT, SUDOERS
from imgtools.guest.checks import problems_of
from imgtools.records.disks import Layout

FOLDER = "/etc/sudoers.d"
MOST_FILES = 50
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
    program = next((path for path in PROGRAMS if files.is_file(path)), "")
    if not program:
        return None
    return tuple(_troubles(files, program))


def _troubles(files: GuestReader, program: str) -> Iterator[SudoTrouble]:
    stat = files.stat(program)
    if stat.uid != 0 or not stat.mode & SET_USER_ID:
        yield SudoTrouble(
            "program", program, f"mode {stat.mode:04o}, owner {stat.uid}: it has to be 4755 and root's"
        )
    main = next((path for path in SUDOERS if files.is_file(path)), "")
    if not main:
        yield SudoTrouble("missing", SUDOERS[0], "not there")
        return
    for path in (main, *_included(files, main)):
        yield from _of_file(files, path, is_main=path == main)


def _included(files: GuestReader, main: str) -> list[str]:
    """Return the files of sudoers.d that sudo reads: no dot in their names, no tilde at their end."""
    text = files.read_text(main, limit=RULES_LIMIT) if files.stat(main).size <= RULES_LIMIT else ""
    if not re.search(r"(?m)^[ \t]*[#@]includedir[ \t]+\S*sudoers\.d", text) or not files.is_dir(FOLDER):
        return []
    names = [one.name for one in files.list_dir(FOLDER) if not re.search(r"\.|~$", one.name)]
    return [f"{FOLDER}/{name}" for name in names[:MOST_FILES] if files.is_file(f"{FOLDER}/{name}")]


def _of_file(files: GuestReader, path: str, *, is_main: bool) -> Iterator[SudoTrouble]:
    stat = files.stat(path)
    if stat.uid != 0:
        yield SudoTrouble("mode", path, f"its owner is {stat.uid}, and not root", is_main=is_main)
    elif stat.mode & 0o002 or (stat.mode & 0o020 and stat.gid != 0):
        yield SudoTrouble("mode", path, f"mode {stat.mode:04o}: others may write to it", is_main=is_main)
    if stat.size > RULES_LIMIT:
        return
    content = files.read_bytes(path, limit=RULES_LIMIT)
    if not content.strip():
        return
    # What it includes is looked at by itself: visudo would take the host's own files.
    alone = re.sub(rb"(?m)^[ \t]*[#@]include(dir)?[ \t].*$", b"#", content)
    for one in problems_of(path, alone, Layout(()), None):
        if one.is_fatal:
            yield SudoTrouble("syntax", path, one.text, one.line, is_main=is_main)
