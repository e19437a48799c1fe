"""An account whose day has passed has its password locked too.

Who puts off the day, or takes it out, opens the account with its old password; some services look only at that. The
fix locks the password, which can be undone. Source: shadow(5), field 8; usermod(8), -L.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.locked import is_expired
from imgtools.guest.accounts.users import SHADOW, Accounts
from imgtools.ops.account_checks import locking, of_shadow, today_of, with_password
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each account that has expired and still has its password."""
    today = today_of(examined)
    for account, entry in with_password(accounts):
        if is_expired(entry, today):
            yield Flaw(
                f"{account.name} has expired, and its password is not locked",
                SHADOW,
                entry.line,
                account.name,
                fix=locking(SHADOW, account.name),
            )


CHECK = Check(
    title="Accounts whose day has passed are locked",
    severity=Level.LOW,
    look=of_shadow(look),
    references=("NIST 800-53 AC-2",),
)
