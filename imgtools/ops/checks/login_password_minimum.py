"""Passwords of new accounts are not changed twice on one day.

Without a least age, whoever has to choose a new one changes it until the old one is no longer remembered. What
accounts have already is looked at by account-password-minimum. Source: login.defs(5).
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.login_checks import at_least, login_def, parameter
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``least``: how many days."""

    least: int = 1


CHECK = Check(
    title="New accounts get a password with a least age",
    severity=Level.LOW,
    look=login_def(
        "PASS_MIN_DAYS",
        at_least("least"),
        "passwords of new accounts may be changed again after {} days",
        parameter("least"),
    ),
    params=Params,
    references=("CIS Debian 12 5.4.1.2",),
)
