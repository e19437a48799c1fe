"""Rules say what is allowed, not what is forbidden.

`ALL, !/bin/su` forbids nothing: a copy of su under another name is allowed, and so is a shell. sudoers(5) says so
itself, under LIMITATIONS OF THE ! OPERATOR. It is no fix of a tool.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.sudoers import SudoRules
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.sudo_checks import of_sudo, shown, who
from imgtools.records.audit import Level


def look(examined: Examined, rules: SudoRules, params: NoParams) -> Iterator[Seen]:
    """Yield each line that allows all and then forbids some."""
    open_lines = {(one.path, one.line) for one in rules.commands if one.is_all}
    seen: set[tuple[str, int]] = set()
    for one in rules.commands:
        place = (one.path, one.line)
        if one.excluded and place in open_lines and place not in seen:
            seen.add(place)
            text = f"a rule of {who(one)} allows all but some, which is all"
            yield Flaw(text, one.path, one.line, who(one), shown(one), advice="name what is allowed")


CHECK = Check(
    title="Rules of sudo do not allow all but a few commands",
    severity=Level.MEDIUM,
    look=of_sudo(look),
    references=("NIST 800-53 AC-6",),
)
