"""An account whose password has expired is locked after a while.

Until then whoever finds the old password may log in and choose a new one. It matters where passwords expire at all.
The fix is offered where nobody is locked out by it today. Source: shadow(5), chage(1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.accounts.users import SHADOW, Accounts
from imgtools.ops.account_checks import INACTIVE, days, of_shadow, setting_field, today_of, with_password
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``most``: after how many days."""

    most: int = 45


def look(examined: Examined, accounts: Accounts, params: Params) -> Iterator[Seen]:
    """Yield each account that stays open when its password has expired."""
    today = today_of(examined)
    for account, entry in with_password(accounts):
        maximum, inactive = days(entry.maximum), days(entry.inactive)
        if maximum is None or (inactive is not None and inactive <= params.most):
            continue
        changed = days(entry.last_change)
        is_fresh = changed is not None and changed + maximum > today
        yield Flaw(
            f"{account.name} stays open "
            + ("for ever" if inactive is None else f"for {inactive} days")
            + " when its password has expired",
            SHADOW,
            entry.line,
            account.name,
            fix=setting_field(account.name, INACTIVE, params.most, "days until the account is locked")
            if is_fresh
            else None,
            advice="" if is_fresh else f"chage -I {params.most}, once the password is a new one",
        )


CHECK = Check(
    title="Accounts are locked a while after their password expired",
    severity=Level.LOW,
    look=of_shadow(look),
    params=Params,
    references=("CIS Debian 12 5.4.1.5", "NIST 800-53 AC-2"),
)
