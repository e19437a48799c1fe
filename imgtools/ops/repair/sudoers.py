"""Let sudo work again: owners and modes of its files that it refuses, and lines that do not parse.

The files become 0440 root:root, sudoers.d 0750, and sudo itself set-user-ID root again. A line that does not parse is
commented out with the reason, with all lines that continue it; a file of sudoers.d of which no rule is left is put
aside under a name that sudo does not read. Of a sudoers that is missing or is no text a short one is made: root, and
the members of the group that the distribution has for it. visudo of the host says what does not parse.

Source: sudoers(5), visudo(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, Move, SetMode, SetOwner, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.account_files import entries
from imgtools.guest.accounts.sudo import FOLDER, GROUPS, LIMIT
from imgtools.guest.accounts.users import GROUP
from imgtools.guest.guest import Guest
from imgtools.guest.health.sudo_state import (
    SET_USER_ID,
    access_troubles,
    drop_ins,
    has_sudo,
    main_file,
    syntax_faults,
)
from imgtools.ops.common_plans import rewrite
from imgtools.ops.linux_repairs import commented, free_name
from imgtools.ops.operation import LINUX, NoParams, Operation

MOST_FAULTS = 20  # of one file: each takes another look by visudo
RULE = re.compile(r"(?m)^\s*(?![#@\s]|Defaults|\w+_Alias\s)\S.*=")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield owners and modes, then what the files should say."""
    files = guest.files
    main = main_file(files)
    yield from _access(files)
    if not files.is_file(main):
        yield WriteFile(main, _short(files), 0o440, 0, 0, what="a short one")
        return
    content = files.read_bytes(main, limit=LIMIT) if files.stat(main).size <= LIMIT else b"\0"
    mended = None if b"\0" in content or not content.strip() else _mended(content)
    if mended is None:
        yield WriteFile(main, _short(files), what="a short one")
    elif not RULE.search(mended):
        kept = f"{mended.rstrip()}\n".encode("utf-8", "surrogateescape")
        yield WriteFile(main, kept + _short(files), what="with the usual rules")
    else:
        yield from rewrite(files, main, mended)
    for path in drop_ins(files):
        yield from _drop_in(files, path)


def _access(files: GuestReader) -> Iterator[Change]:
    for one, stat in access_troubles(files):
        path, mode = files.resolve(one.path), 0o750 if one.path == FOLDER else 0o440
        if one.kind == "program":
            mode = stat.mode & 0o755 | SET_USER_ID
        if stat.uid or (stat.gid and mode == 0o440):
            yield SetOwner(path, 0, 0)
        if stat.mode != mode or mode & SET_USER_ID:  # a new owner takes the bit away
            yield SetMode(path, mode)


def _drop_in(files: GuestReader, path: str) -> Iterator[Change]:
    content = files.read_bytes(path, limit=LIMIT)
    if not content.strip():
        return
    mended = None if b"\0" in content else _mended(content)
    if mended is None:
        yield Move(path, free_name(files, f"{path}.imgtools"))
    else:
        yield from rewrite(files, path, mended)


def _mended(content: bytes) -> str | None:
    """Return the text without what does not parse; None if that does not come to an end."""
    text = content.decode("utf-8", "surrogateescape")
    for _again in range(MOST_FAULTS):
        faults = syntax_faults(text.encode("utf-8", "surrogateescape"))
        if not faults:
            return text
        lines = text.split("\n")
        number = min(faults[0].line, len(lines))
        if number < 1 or not lines[number - 1].strip():
            return None
        first, last = _whole_line(lines, number - 1)
        if all(line.startswith("#") for line in lines[first : last + 1]):
            return None
        rest = [f"# {line}" for line in lines[first + 1 : last + 1]]
        lines[first : last + 1] = [commented(lines[first], faults[0].text), *rest]
        text = "\n".join(line.rstrip("\\") if line.startswith("#") else line for line in lines)
    return None


def _whole_line(lines: list[str], number: int) -> tuple[int, int]:
    """The first and the last of the lines that a backslash at the end makes one; counted from 0."""
    first = last = number
    while first > 0 and lines[first - 1].endswith("\\"):
        first -= 1
    while last < len(lines) - 1 and lines[last].endswith("\\"):
        last += 1
    return first, last


def _short(files: GuestReader) -> bytes:
    names = {line.partition(":")[0] for line in entries(files, GROUP)}
    group = next((name for name in GROUPS if name in names), "")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    lines = ["Defaults env_reset", f'Defaults secure_path="{path}"', "root ALL=(ALL:ALL) ALL"]
    lines += [f"%{group} ALL=(ALL:ALL) ALL"] if group else []
    lines += [f"@includedir {FOLDER}"] if files.is_dir(FOLDER) else []
    return "".join(f"{line}\n" for line in lines).encode()


def lacking(guest: Guest) -> str:
    """Say that the guest has no sudo."""
    return "" if has_sudo(guest.files) else "no sudo"


OPERATION = Operation(
    summary="Let sudo work: modes and owners, lines that do not parse",
    families=LINUX,
    plan=plan,
    lacking=lacking,
    notes="On a host without visudo only owners and modes are looked at.",
)
