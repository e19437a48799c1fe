"""Passwords have to be changed after a while.

Standards such as CIS ask for it; NIST SP 800-63B advises against, where nothing points to a leak. So it weighs little
here. The fix is offered where the password does not expire by it at once. Source: shadow(5), chage(1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.accounts.users import SHADOW, Accounts
from imgtools.ops.account_checks import MAXIMUM, days, of_shadow, setting_field, today_of, with_password
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``most``: after how many days."""

    most: int = 365


def look(examined: Examined, accounts: Accounts, params: Params) -> Iterator[Seen]:
    """Yield each password that never expires, or late."""
    today = today_of(examined)
    for account, entry in with_password(accounts):
        maximum = days(entry.maximum)
        if maximum is not None and maximum <= params.most:
            continue
        changed = days(entry.last_change)
        is_fresh = changed is not None and changed + params.most > today
        yield Flaw(
            f"the password of {account.name} "
            + ("never expires" if maximum is None else f"expires after {maximum} days"),
            SHADOW,
            entry.line,
            account.name,
            fix=setting_field(account.name, MAXIMUM, params.most, "days until the password expires")
            if is_fresh
            else None,
            advice="" if is_fresh else f"chage -M {params.most}; it is older already, so it expires at once",
        )


CHECK = Check(
    title="Passwords have an age at which they expire",
    severity=Level.LOW,
    look=of_shadow(look),
    params=Params,
    references=("CIS Debian 12 5.4.1.1", "NIST 800-53 IA-5"),
)
