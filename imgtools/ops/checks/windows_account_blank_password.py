"""Every account that somebody can log on to has a password.

Whoever sits at the console, or reaches it over a hypervisor, is in with a name alone. Accounts of Microsoft have no
password of the guest's own and are left out. Source of the fields: "Security Accounts Manager" (clark@hushmail.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_account_checks import account_of, each_account, of_account
from imgtools.ops.windows_checks import held
from imgtools.records.audit import Level

if TYPE_CHECKING:
    from imgtools.guest.windows.sam import WindowsUser


def judge(examined: Examined, user: WindowsUser, params: NoParams) -> Iterator[Seen]:
    """Yield the account if it has no password, an administrator's first of all."""
    if user.password_set is False and not account_of(held(examined).registry, user).online:
        yield of_account(
            examined,
            user,
            f"{user.name} has no password",
            evidence="an administrator" if user.administrator else "",
            severity=Level.CRITICAL if user.administrator else None,
            advice=f"give it one (imgtools customize --password {user.name}:file:PATH), or disable it",
        )


CHECK = Check(
    title="No account has an empty password",
    severity=Level.HIGH,
    look=each_account(judge),
    families=WINDOWS,
    references=("NIST 800-53 IA-5",),
)
