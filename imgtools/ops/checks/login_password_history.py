"""A new password is none of the last ones.

Where passwords expire, people otherwise go back to the one that they know, and that others may know. It is no fix of
a tool: the module has to be put into PAM's rules. Source: pam_pwhistory(8), pwhistory.conf(5); pam_unix(8), remember.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.login_checks import (
    ModuleSetting,
    first_of,
    module_setting,
    number_of,
    of_pam,
    password_rules,
)
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


@dataclass(frozen=True, slots=True)
class Params:
    """``least``: how many old ones are refused."""

    least: int = 5


CONFIG = "/etc/security/pwhistory.conf"


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield that old passwords are taken again."""
    rules = password_rules(examined)
    if not rules:
        yield NotThere("nobody changes passwords: no rules of passwd")
        return
    history, unix = first_of(rules, "pam_pwhistory"), first_of(rules, "pam_unix")
    kept = module_setting(examined.files, history, "remember", CONFIG, "10") if history is not None else None
    if kept is None and unix is not None and (said := unix.argument("remember")) is not None:
        kept = ModuleSetting(said, unix.path, unix.line)
    if kept is None:
        at = unix or rules[0]
        advice = f"pam_pwhistory with remember={params.least} in front of pam_unix"
        yield Flaw("an old password is taken again", at.path, at.line, advice=advice)
    elif (number_of(kept.value) or 0) < params.least:
        text = f"a password is taken again after {kept.value} others"
        yield Flaw(text, kept.path, kept.line, "remember", advice=f"remember={params.least}")


CHECK = Check(
    title="A new password is none of the last ones",
    severity=Level.LOW,
    look=of_pam(look),
    params=Params,
    references=("NIST 800-53 IA-5",),
)
