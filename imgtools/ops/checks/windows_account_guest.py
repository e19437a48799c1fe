"""The built-in Guest is disabled: whoever gives an unknown name would get in as that.

It has no password, so files that are shared with everyone are shared with everybody on the network. Windows comes with
it disabled: "Accounts: Guest account status" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_account_checks import GUEST, each_account, of_account, with_account_facts
from imgtools.records.audit import Level

if TYPE_CHECKING:
    from imgtools.guest.windows.sam import WindowsUser


def judge(examined: Examined, user: WindowsUser, params: NoParams) -> Iterator[Seen]:
    """Yield the account if it is the one of id 501, which is enabled; its fix disables it."""
    from imgtools.guest.windows.account import disabled

    if user.sid.endswith(GUEST):
        yield of_account(
            examined,
            user,
            f"the built-in guest account {user.name} is enabled",
            fix=with_account_facts(examined, user, disabled, "disable"),
        )


CHECK = Check(
    title="The built-in Guest is disabled",
    severity=Level.HIGH,
    look=each_account(judge),
    families=WINDOWS,
    references=("NIST 800-53 AC-2", "NIST 800-53 AC-14"),
)
