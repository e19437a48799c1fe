"""Mend lines of crypttab that stop the boot: a device that is gone or not encrypted, a second line for one name.

Where exactly one encrypted volume is named by no other line, the line names that one. Else ``nofail`` is added, so that
the machine boots without it; with ``missing=comment``, where init is not systemd, and where the device is there and not
encrypted, the line is commented out with the reason. The copy of crypttab in the initial RAM disk is another one:
`initramfs` makes it anew.

Source: crypttab(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.find.stand_ins import name_as
from imgtools.guest.guest import Guest
from imgtools.guest.health.crypttab_lines import (
    CRYPTTAB,
    CrypttabProblem,
    WrongCrypt,
    crypttab_problems,
    crypttab_text,
)
from imgtools.guest.services.started import Init, find_init
from imgtools.ops.common_plans import rewrite
from imgtools.ops.linux_repairs import MissingParams, commented
from imgtools.ops.operation import LINUX, Operation
from imgtools.records.system import Warned


def plan(guest: Guest, params: MissingParams) -> Iterator[Change]:
    """Yield the mended crypttab."""
    text = crypttab_text(guest.files)
    if not text or guest.layout is None:
        return
    lines = text.split("\n")
    is_kept = params.missing == "nofail" and find_init(guest.files) is Init.SYSTEMD
    given_up: set[int] = set()
    for one in crypttab_problems(guest.files, guest.root, guest.layout):
        if one.mendable and one.line not in given_up:
            lines[one.line - 1] = _mended(lines[one.line - 1], one, is_kept)
            if lines[one.line - 1].startswith("#"):
                given_up.add(one.line)
    yield from rewrite(guest.files, CRYPTTAB, "\n".join(lines))


def _mended(line: str, one: CrypttabProblem, is_kept: bool) -> str:
    if one.wrong in (WrongCrypt.TWICE, WrongCrypt.SYNTAX):
        return commented(line, one.text)
    name = name_as(one.entry.spec, one.volume) if one.volume is not None else ""
    words = list(re.finditer(r"\S+", line))
    if name:
        return line[: words[1].start()] + name + line[words[1].end() :]
    if not is_kept or one.wrong is WrongCrypt.CONTENT:
        return commented(line, one.text)
    if len(words) > 3:
        return f"{line[: words[3].end()]},nofail{line[words[3].end() :]}"
    rest = " none" if len(words) == 2 else ""
    return f"{line.rstrip()}{rest} nofail"


def remarks(guest: Guest, params: MissingParams) -> Iterator[Warned]:
    """Say where several volumes fit."""
    if guest.layout is not None:
        for one in crypttab_problems(guest.files, guest.root, guest.layout):
            if one.mendable and one.candidates > 1:
                said = f"line {one.line}: {one.text}, and {one.candidates} volumes fit in its place"
                yield Warned(said, CRYPTTAB)


OPERATION = Operation(
    summary="Mend lines of crypttab that stop the boot",
    families=LINUX,
    order=200,
    plan=plan,
    params=MissingParams,
    remarks=remarks,
    notes="Whether a key file opens the volume that a line is given is not tried.",
)
