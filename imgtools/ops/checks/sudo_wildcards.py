"""Rules name commands without wildcards.

A * in arguments matches spaces and slashes too: `cat /var/log/*` also reads /etc/shadow. In a path it matches what
the user puts there. Regular expressions are looked at for .* alone. Source: sudoers(5), Wildcards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.accounts.sudoers import SudoRules
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.sudo_checks import bare_command, of_sudo, others_than_root, shown, who
from imgtools.records.audit import Level


def look(examined: Examined, rules: SudoRules, params: NoParams) -> Iterator[Seen]:
    """Yield each rule with a wildcard in its command."""
    seen: set[tuple[str, int]] = set()
    for one in rules.commands:
        has = not one.excluded and _has_wildcard(bare_command(one)) and others_than_root(one, rules)
        if has and (one.path, one.line) not in seen:
            seen.add((one.path, one.line))
            yield Flaw(
                f"a rule of {who(one)} matches more than it seems",
                one.path,
                one.line,
                who(one),
                shown(one),
                advice="name each command with its arguments, or a script of root's",
            )


def _has_wildcard(command: str) -> bool:
    words = command.split()
    for word in words:
        if word.startswith("^"):
            if ".*" in word:
                return True
        elif re.search(r"(?<!\\)[*?\[]", word):
            return True
    return False


CHECK = Check(
    title="Rules of sudo have no wildcards",
    severity=Level.MEDIUM,
    look=of_sudo(look),
    references=("NIST 800-53 AC-6",),
)
