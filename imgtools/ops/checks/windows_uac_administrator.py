"""The built-in Administrator is asked by UAC too, where it is used.

Else every program of whoever logs on as that has all rights. FilterAdministratorToken is 0 by default: "User Account
Control: Admin Approval Mode for the Built-in Administrator account" (learn.microsoft.com). It also takes its rights
over the network away, on which programs that manage the machine may depend, so nothing is changed here.
"""

from __future__ import annotations

from imgtools.guest.windows.release import VISTA
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_account_checks import ADMINISTRATOR
from imgtools.ops.windows_checks import SYSTEM_POLICIES, Setting, not_number, settings, users
from imgtools.records.audit import Level


def is_disabled(examined: Examined) -> str:
    """Say that nobody can log on as the built-in administrator; "" if somebody can."""
    found = [one for one in users(examined) if one.sid.endswith(ADMINISTRATOR)]
    return "" if any(not one.disabled for one in found) else "the built-in Administrator is disabled"


CHECK = Check(
    title="UAC asks the built-in Administrator too",
    severity=Level.LOW,
    look=settings(
        Setting(
            SYSTEM_POLICIES,
            "FilterAdministratorToken",
            not_number(0),
            "programs of the built-in administrator have all rights without a question",
            default=0,
            advice="set it to 1 once nothing manages this machine as the built-in administrator",
            since=VISTA,
        ),
        unless=is_disabled,
    ),
    families=WINDOWS,
    references=("NIST 800-53 AC-6",),
)
