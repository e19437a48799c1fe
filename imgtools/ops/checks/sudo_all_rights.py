"""Who may do all as root is in a group for it.

A rule for a single user stays when the person leaves, and no list of groups shows it; one for everybody makes every
account root. The groups of administrators are a parameter. It is no fix of a tool. Source: sudoers(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.accounts.sudoers import SudoRules
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.station import Examined
from imgtools.ops.sudo_checks import of_sudo, others_than_root, shown
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``groups``: those of administrators."""

    groups: tuple[str, ...] = ("sudo", "wheel", "admin")


def look(examined: Examined, rules: SudoRules, params: Params) -> Iterator[Seen]:
    """Yield each rule that lets somebody else do all as root."""
    for one in rules.commands:
        if not one.is_all or not others_than_root(one, rules) or not _is_root(one.runas):
            continue
        for user in one.users:
            if user.startswith("!") or user in ("root", "#0") or user.lstrip("%") in _allowed(user, params):
                continue
            everybody = user == "ALL"
            yield Flaw(
                f"{'everybody' if everybody else user} may do all as root",
                one.path,
                one.line,
                user,
                shown(one),
                Level.CRITICAL if everybody else None,
                advice="put who should into the group sudo or wheel, and take the rule out",
            )


def _allowed(user: str, params: Params) -> tuple[str, ...]:
    return params.groups if user.startswith("%") else ()


def _is_root(runas: str) -> bool:
    users = re.split(r"[,\s]+", runas.partition(":")[0].strip())
    return not runas or any(one in ("ALL", "root", "#0") for one in users)


CHECK = Check(
    title="Only the groups of administrators may do all as root",
    severity=Level.MEDIUM,
    look=of_sudo(look),
    params=Params,
    references=("NIST 800-53 AC-6",),
)
