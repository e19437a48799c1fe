"""PAM lets nobody in without a password.

With nullok an account whose password is empty is let in at once: a mistake in shadow then is a way in. Debian has it
in its rules for the live system and installer. The fix takes it out where no account has an empty password, and the
file is not one that authselect makes. Source: pam_unix(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.account_checks import accounts_of, passwords
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.login_checks import editing, is_managed, of_pam, rules_of_logins
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each rule of pam_unix that takes empty passwords."""
    seen: set[tuple[str, int]] = set()
    fixable = not any(one.password.state == "empty" for one in passwords(examined.once(accounts_of)))
    for service, rules in rules_of_logins(examined.files, "auth"):
        for rule in rules:
            bad = [one for one in rule.arguments if one in ("nullok", "nullok_secure")]
            if rule.name != "pam_unix" or not bad or (rule.path, rule.line) in seen:
                continue
            seen.add((rule.path, rule.line))
            managed = is_managed(rule.path)
            pattern = r"^(\s*-?auth\s.*\bpam_unix\.so\b.*?)\s+nullok(_secure)?\b"
            yield Flaw(
                f"PAM takes empty passwords, for {service} and what else reads this file",
                rule.path,
                rule.line,
                evidence=bad[0],
                fix=editing(rule.path, pattern, r"\1") if fixable and not managed else None,
                advice=_advice(fixable=fixable, managed=managed),
            )


def _advice(*, fixable: bool, managed: bool) -> str:
    if managed:
        return "authselect enable-feature without-nullok in the guest"
    return "" if fixable else "give every account a password first"


CHECK = Check(
    title="PAM lets nobody in without a password",
    severity=Level.MEDIUM,
    look=of_pam(look),
    references=("CIS Debian 12 5.3.3.4.1", "NIST 800-53 IA-5"),
)
