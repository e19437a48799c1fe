"""Accounts of services have no password.

Nobody logs in as a service, so a password of it is one that several know, that is never changed, and that nobody
misses. It is no fix of a tool: something may use it. Source: shadow(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.login_defs import read_account_rules
from imgtools.guest.accounts.users import Accounts
from imgtools.ops.account_checks import of_accounts, passwords
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each account of the system that has a password."""
    least = read_account_rules(examined.files).uid_min
    for account, _entry, password, path, line in passwords(accounts):
        if 0 < account.uid < least and password.state == "set":
            yield Flaw(
                f"{account.name} is an account of the system, and has a password",
                path,
                line,
                account.name,
                advice=f"if nobody logs in with it: passwd -l {account.name}",
            )


CHECK = Check(
    title="Accounts of the system have no password",
    severity=Level.MEDIUM,
    look=of_accounts(look),
    references=("CIS Debian 12 5.4.2.8", "NIST 800-53 IA-5"),
)
