"""No account may be given an empty password.

An account that is marked so (PASSWD_NOTREQD, [MS-SAMR] 2.2.1.12) takes an empty password whatever the policy of
passwords says. Programs that make accounts leave the mark behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_account_checks import each_account, of_account, with_account_facts
from imgtools.records.audit import Level

if TYPE_CHECKING:
    from imgtools.guest.windows.sam import WindowsUser


def judge(examined: Examined, user: WindowsUser, params: NoParams) -> Iterator[Seen]:
    """Yield the account if it needs no password; its fix takes the mark away."""
    from imgtools.guest.windows.account import wanting_password

    if user.password_required is False:
        yield of_account(
            examined,
            user,
            f"{user.name} may be given an empty password",
            fix=with_account_facts(examined, user, wanting_password, "want a password of"),
        )


CHECK = Check(
    title="No account is exempt from having a password",
    severity=Level.LOW,
    look=each_account(judge),
    families=WINDOWS,
    references=("NIST 800-53 IA-5",),
)
