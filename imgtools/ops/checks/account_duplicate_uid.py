"""Two accounts do not share a user id.

The kernel knows only the number: both own the same files, may stop each other's programs, and logs show one for the
other. Second ones of root are told by account-second-root. Source: passwd(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.users import PASSWD, Accounts
from imgtools.ops.account_checks import of_accounts, shared
from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each line that has what another before it has."""
    yield from shared(
        PASSWD, "user id", ((one.uid, one.name, one.line) for one in accounts.passwd if one.uid)
    )


CHECK = Check(
    title="Each user id belongs to one account",
    severity=Level.MEDIUM,
    look=of_accounts(look),
    references=("CIS Debian 12 7.2.5",),
)
