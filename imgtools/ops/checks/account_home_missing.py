"""The home of everybody who may log in is there.

Without it a login ends in / or is refused, and whoever may make the folder has the files that the account trusts.
Homes on volumes that are not in the image are not decidable. Source: login(1), HOME.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.users import PASSWD, Accounts
from imgtools.ops.account_checks import hidden_homes, is_hidden, of_accounts, people
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each account of a person whose home is not there."""
    yield from hidden_homes(examined, accounts)
    for account in people(examined, accounts):
        if not examined.files.is_dir(account.home or "/") and not is_hidden(examined, account.home):
            yield Flaw(
                f"the home of {account.name} is not there: {account.home}",
                PASSWD,
                account.line,
                account.name,
                advice="make it with the account's owner: mkhomedir_helper, or correct the path",
            )


CHECK = Check(
    title="The homes of all who may log in are there",
    severity=Level.LOW,
    look=of_accounts(look),
    references=("CIS Debian 12 7.2.9",),
)
