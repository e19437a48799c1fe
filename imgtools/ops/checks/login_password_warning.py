"""People are told before their password expires.

Who is not told is locked out in the middle of something. What accounts have already is looked at by
account-password-warning. Source: login.defs(5).
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.login_checks import at_least, login_def, parameter
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``least``: how many days."""

    least: int = 7


CHECK = Check(
    title="New accounts are told before their password expires",
    severity=Level.LOW,
    look=login_def(
        "PASS_WARN_AGE",
        at_least("least"),
        "new accounts are told {} days before their password expires",
        parameter("least"),
    ),
    params=Params,
    references=("CIS Debian 12 5.4.1.3",),
)
