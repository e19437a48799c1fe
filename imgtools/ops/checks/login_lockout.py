"""Whoever guesses passwords is locked out after a few.

Without pam_faillock or pam_tally2 a program may try as many as it likes. A lock that ends by itself keeps others from
locking accounts for good. It is no fix of a tool: a mistake in the order of PAM's rules locks everybody out. Source:
pam_faillock(8), faillock.conf(5), pam_tally2(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.health.pam import PamRule
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.login_checks import first_of, module_setting, number_of, of_pam, rules_of_logins
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


@dataclass(frozen=True, slots=True)
class Params:
    """``deny``: after how many at most. ``unlock``: for how many seconds at least, where it ends by itself."""

    deny: int = 5
    unlock: int = 600


MODULES = ("pam_faillock", "pam_tally2", "pam_tally")
CONFIG = "/etc/security/faillock.conf"
MAIN = ("login", "sshd")
ADVICE = "pam-auth-update (Debian) or authselect enable-feature with-faillock (Red Hat) in the guest"


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield that nothing locks accounts, or late, or for a short time."""
    found = [(name, rules) for name, rules in rules_of_logins(examined.files, "auth") if name in MAIN]
    if not found:
        yield NotThere("no rules of login or sshd")
    seen: set[tuple[str, int]] = set()
    for service, rules in found:
        rule = first_of(rules, *MODULES)
        if rule is None:
            at = first_of(rules, "pam_unix") or (rules[0] if rules else None)
            path, line = (at.path, at.line) if at is not None else (f"/etc/pam.d/{service}", 0)
            if (path, line) not in seen:
                seen.add((path, line))
                yield Flaw("no number of wrong passwords locks an account", path, line, advice=ADVICE)
        elif (rule.path, rule.line) not in seen:
            seen.add((rule.path, rule.line))
            yield from _numbers(examined, rule, params)


def _numbers(examined: Examined, rule: PamRule, params: Params) -> Iterator[Seen]:
    is_faillock = rule.name == "pam_faillock"
    deny = module_setting(
        examined.files, rule, "deny", CONFIG if is_faillock else "", "3" if is_faillock else "0"
    )
    number = number_of(deny.value)
    if number is None or not 1 <= number <= params.deny:
        text = f"an account is locked after {deny.value} wrong passwords (0: never)"
        yield Flaw(text, deny.path, deny.line, "deny", f"deny {deny.value}", advice=f"deny = {params.deny}")
    default = "600" if is_faillock else "0"
    unlock = module_setting(examined.files, rule, "unlock_time", CONFIG if is_faillock else "", default)
    seconds = number_of(unlock.value)
    if seconds is not None and 0 < seconds < params.unlock:
        text = f"a locked account opens again after {seconds} seconds"
        shown = f"unlock_time {unlock.value}"
        yield Flaw(
            text, unlock.path, unlock.line, "unlock_time", shown, advice=f"unlock_time = {params.unlock}"
        )


CHECK = Check(
    title="Accounts are locked after a few wrong passwords",
    severity=Level.MEDIUM,
    look=of_pam(look),
    params=Params,
    references=("NIST 800-53 AC-7",),
)
