"""Only administrators become others with su.

Without pam_wheel every account may guess root's password with su, and whoever finds it needs no right of his own. It
is no fix of a tool: whoever uses su now may be in no group. Source: pam_wheel(8), su(1).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.pam import FOLDERS, PamRule, service_rules
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.login_checks import of_pam
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield that everybody may use su."""
    files = examined.files
    if not any(files.is_file(f"{folder}/su") for folder in FOLDERS):
        yield NotThere("no rules of su")
        return
    rules = tuple(service_rules(files, "su", "auth"))
    if any(one.name == "pam_wheel" and "trust" not in one.arguments and _refuses(one) for one in rules):
        return
    path = rules[0].path if rules else "/etc/pam.d/su"
    yield Flaw(
        "everybody may try to become root with su",
        path,
        advice="auth required pam_wheel.so use_uid in /etc/pam.d/su, once who should is in the group",
    )


def _refuses(rule: PamRule) -> bool:
    return (
        rule.control in ("required", "requisite")
        or "default=die" in rule.control
        or "default=bad" in rule.control
    )


CHECK = Check(
    title="Only a group may use su",
    severity=Level.LOW,
    look=of_pam(look),
    references=("CIS Debian 12 5.2.7", "NIST 800-53 AC-6"),
)
