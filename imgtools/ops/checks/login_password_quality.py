"""A new password is looked at before it is taken.

Without pam_pwquality, pam_cracklib or pam_passwdqc PAM takes every word of six letters. The length and the number of
kinds of letters are parameters: NIST SP 800-63B wants 8 letters and no kinds, CIS 14. It is no fix of a tool: the
module has to be installed. Source: pam_pwquality(8), pwquality.conf(5), pam_cracklib(8), passwdqc.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.health.pam import PamRule
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.login_checks import first_of, module_setting, number_of, of_pam, password_rules
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


@dataclass(frozen=True, slots=True)
class Params:
    """``length``: the fewest letters. ``kinds``: of how many kinds (digits, capitals, ...) they have to be."""

    length: int = 8
    kinds: int = 0


MODULES = ("pam_pwquality", "pam_cracklib", "pam_passwdqc")
CONFIG = "/etc/security/pwquality.conf"
CREDITS = ("dcredit", "ucredit", "lcredit", "ocredit")
DEFAULT_LENGTH = {"pam_pwquality": "8", "pam_cracklib": "9"}


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield that nothing looks at new passwords, or that it is content with little."""
    rules = password_rules(examined)
    if not rules:
        yield NotThere("nobody changes passwords: no rules of passwd")
        return
    rule = first_of(rules, *MODULES)
    if rule is None:
        at = first_of(rules, "pam_unix") or rules[0]
        advice = "install libpam-pwquality (Debian) or libpwquality, and put it in front of pam_unix"
        yield Flaw("nothing looks at new passwords before they are taken", at.path, at.line, advice=advice)
    elif rule.name != "pam_passwdqc":
        yield from _strength(examined, rule, params)


def _strength(examined: Examined, rule: PamRule, params: Params) -> Iterator[Seen]:
    length = module_setting(examined.files, rule, "minlen", CONFIG, DEFAULT_LENGTH[rule.name])
    number = number_of(length.value)
    if number is None or number < params.length:
        text = f"a new password of {length.value} letters is taken"
        advice = f"minlen = {params.length} in {CONFIG}"
        yield Flaw(text, length.path, length.line, "minlen", f"minlen {length.value}", advice=advice)
    kinds = module_setting(examined.files, rule, "minclass", CONFIG, "0")
    said = [number_of(module_setting(examined.files, rule, one, CONFIG, "0").value) or 0 for one in CREDITS]
    wanted = max(number_of(kinds.value) or 0, sum(one < 0 for one in said))
    if wanted < params.kinds:
        text = f"a new password of {wanted or 1} kinds of letters is taken"
        yield Flaw(text, kinds.path, kinds.line, "minclass", advice=f"minclass = {params.kinds} in {CONFIG}")


CHECK = Check(
    title="New passwords are looked at before they are taken",
    severity=Level.MEDIUM,
    look=of_pam(look),
    params=Params,
    references=("NIST 800-53 IA-5",),
)
