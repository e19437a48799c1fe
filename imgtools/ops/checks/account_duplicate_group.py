"""No group is there twice.

Programs take the first line of a name, or put the members of both together: who was taken out of one may still be in.
Source: group(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.users import GROUP, Accounts
from imgtools.ops.account_checks import of_accounts, shared
from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each line that has what another before it has."""
    yield from shared(GROUP, "name", ((one.name, one.name, one.line) for one in accounts.groups))


CHECK = Check(
    title="Each name of a group is there once",
    severity=Level.MEDIUM,
    look=of_accounts(look),
    references=("CIS Debian 12 7.2.8",),
)
