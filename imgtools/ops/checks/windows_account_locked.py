"""No account is locked after wrong passwords.

Somebody guessed, or a program keeps an old password: the event log says from where. Windows opens the account again by
itself after a while. The flag and the count of tries are those that chntpw looks at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_account_checks import each_account, of_account
from imgtools.records.audit import Level

if TYPE_CHECKING:
    from imgtools.guest.windows.sam import WindowsUser


def judge(examined: Examined, user: WindowsUser, params: NoParams) -> Iterator[Seen]:
    """Yield the account if it is locked."""
    if user.locked:
        yield of_account(
            examined,
            user,
            f"{user.name} is locked after wrong passwords",
            advice="see event 4740 and 4625 for who tried; imgtools repair --only windows-account-unlock opens it",
        )


CHECK = Check(
    title="No account is locked after wrong passwords",
    severity=Level.LOW,
    look=each_account(judge),
    families=WINDOWS,
    references=("NIST 800-53 AC-7",),
)
