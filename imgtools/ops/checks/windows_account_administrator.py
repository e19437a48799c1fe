"""The built-in Administrator is not used for logging on.

Its id (500) is known to everybody, too many wrong passwords do not lock it, and UAC does not ask it. On servers it is
what setup leaves people with, so it weighs less there: "Local accounts" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_account_checks import ADMINISTRATOR, each_account, of_account
from imgtools.ops.windows_checks import held
from imgtools.records.audit import Level

if TYPE_CHECKING:
    from imgtools.guest.windows.sam import WindowsUser


def judge(examined: Examined, user: WindowsUser, params: NoParams) -> Iterator[Seen]:
    """Yield the account if it is the one of id 500, which is enabled."""
    if user.sid.endswith(ADMINISTRATOR):
        yield of_account(
            examined,
            user,
            f"the built-in administrator {user.name} is enabled",
            severity=Level.LOW if held(examined).release.is_server else None,
            advice="make an administrator of another name, then disable it",
        )


CHECK = Check(
    title="The built-in Administrator is disabled",
    severity=Level.MEDIUM,
    look=each_account(judge),
    families=WINDOWS,
    references=("NIST 800-53 AC-2",),
)
