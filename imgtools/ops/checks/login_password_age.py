"""Passwords of new accounts have to be changed after a while.

Standards such as CIS ask for it; NIST SP 800-63B advises against, where nothing points to a leak. So it weighs little
here. What accounts have already is looked at by account-password-age. Source: login.defs(5).
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.login_checks import at_most, login_def, parameter
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``most``: how many days."""

    most: int = 365


CHECK = Check(
    title="New accounts get a password that expires",
    severity=Level.LOW,
    look=login_def(
        "PASS_MAX_DAYS", at_most("most"), "passwords of new accounts expire after {} days", parameter("most")
    ),
    params=Params,
    references=("CIS Debian 12 5.4.1.1",),
)
