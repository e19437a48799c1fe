"""Only root has the number 0.

Whoever has it is root, under a name that nobody watches. It is a common way to stay in a machine that was broken
into. Source: passwd(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.users import PASSWD, Accounts
from imgtools.ops.account_checks import of_accounts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each account with the number 0 that is not called root."""
    for account in accounts.passwd:
        if account.uid == 0 and account.name != "root":
            yield Flaw(
                f"{account.name} is root by its user id 0",
                PASSWD,
                account.line,
                account.name,
                f"shell {account.shell}",
                advice="find out who made it; then imgtools edit /etc/passwd, and what it owns has to be looked at",
            )


CHECK = Check(
    title="Only root has the user id 0",
    severity=Level.CRITICAL,
    look=of_accounts(look),
    references=("CIS Debian 12 5.4.2.1", "NIST 800-53 AC-6"),
)
