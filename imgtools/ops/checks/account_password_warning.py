"""People are told before their password expires.

Who is not told is locked out in the middle of something, or chooses the first word that comes to mind. It matters
where passwords expire at all. Source: shadow(5), chage(1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.accounts.users import SHADOW, Accounts
from imgtools.ops.account_checks import WARNING, days, of_shadow, setting_field, with_password
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``least``: how many days before."""

    least: int = 7


def look(examined: Examined, accounts: Accounts, params: Params) -> Iterator[Seen]:
    """Yield each password that expires with little warning."""
    for account, entry in with_password(accounts):
        if days(entry.maximum) is not None and (days(entry.warning) or 0) < params.least:
            yield Flaw(
                f"{account.name} is told {days(entry.warning) or 0} days before the password expires",
                SHADOW,
                entry.line,
                account.name,
                fix=setting_field(account.name, WARNING, params.least, "days of warning"),
            )


CHECK = Check(
    title="People are told before their password expires",
    severity=Level.LOW,
    look=of_shadow(look),
    params=Params,
    references=("CIS Debian 12 5.4.1.3",),
)
