"""A password is not changed twice on one day.

Without a least age, whoever has to choose a new one changes it until the old one is no longer remembered, and takes
that again. Source: shadow(5), chage(1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.accounts.users import SHADOW, Accounts
from imgtools.ops.account_checks import MINIMUM, days, of_shadow, setting_field, with_password
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``least``: how many days."""

    least: int = 1


def look(examined: Examined, accounts: Accounts, params: Params) -> Iterator[Seen]:
    """Yield each password that may be changed again at once."""
    for account, entry in with_password(accounts):
        if (days(entry.minimum) or 0) < params.least:
            yield Flaw(
                f"the password of {account.name} may be changed again after {days(entry.minimum) or 0} days",
                SHADOW,
                entry.line,
                account.name,
                fix=setting_field(account.name, MINIMUM, params.least, "days until the password may change"),
            )


CHECK = Check(
    title="Passwords have a least age",
    severity=Level.LOW,
    look=of_shadow(look),
    params=Params,
    references=("CIS Debian 12 5.4.1.2",),
)
