"""Everybody owns his own home.

Who owns a home can put files there that its account trusts: keys, profiles. A home of root's is what a jail for SFTP
needs, so it is no fix of a tool. Source: sshd_config(5), ChrootDirectory.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.users import Accounts
from imgtools.ops.account_checks import hidden_homes, homes_of_people, of_accounts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each home that belongs to another."""
    names = {one.uid: one.name for one in reversed(accounts.passwd)}
    yield from hidden_homes(examined, accounts)
    for account, home in homes_of_people(examined, accounts):
        owner = examined.files.stat(home).uid
        if owner != account.uid:
            yield Flaw(
                f"the home of {account.name} belongs to {names.get(owner, f'user {owner}')}",
                home,
                subject=account.name,
                severity=Level.LOW if owner == 0 else None,
                advice=f"imgtools chown {account.name} {home}; look first at what is in it",
            )


CHECK = Check(
    title="Homes belong to those who live there",
    severity=Level.MEDIUM,
    look=of_accounts(look),
    references=("CIS Debian 12 7.2.9", "NIST 800-53 AC-6"),
)
