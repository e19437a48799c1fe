"""No password was changed on a day that is to come.

Such a password does not expire until long after that day: by mistake, by a clock that was wrong, or so that it does
not. The fix says that it was changed today. Source: shadow(5), field 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from imgtools.guest.accounts.users import SHADOW, Accounts
from imgtools.ops.account_checks import (
    EPOCH,
    LAST_CHANGE,
    days,
    of_shadow,
    setting_field,
    today_of,
    with_password,
)
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each password whose change is to come."""
    today = today_of(examined)
    for account, entry in with_password(accounts):
        changed = days(entry.last_change)
        if changed is not None and changed > today + 1:  # a day for time zones
            yield Flaw(
                f"the password of {account.name} was changed in the future",
                SHADOW,
                entry.line,
                account.name,
                f"{EPOCH + timedelta(changed)}",
                fix=setting_field(account.name, LAST_CHANGE, today, "the day of the last change"),
            )


CHECK = Check(
    title="No password was changed in the future",
    severity=Level.LOW,
    look=of_shadow(look),
    references=("CIS Debian 12 5.4.1.6",),
)
