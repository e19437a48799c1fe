"""No account can be used without a password.

An empty field in shadow means that no password is asked for, on the console and wherever PAM says nullok. The fix
locks the account's password; it is offered only where another administrator can log in. Source: shadow(5), passwd(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.users import Accounts, may_log_in
from imgtools.ops.account_checks import locking, of_accounts, others_get_in, passwords
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each account that nobody asks for a password."""
    for account, _entry, password, path, line in passwords(accounts):
        if password.state == "empty":
            opens = may_log_in(account)
            yield Flaw(
                f"{account.name} has an empty password"
                + ("" if opens else ", and a shell that lets nobody in"),
                path,
                line,
                account.name,
                severity=None if opens else Level.MEDIUM,
                fix=locking(path, account.name) if others_get_in(examined, account.name) else None,
                advice="set a password: imgtools customize --password",
            )


CHECK = Check(
    title="No account has an empty password",
    severity=Level.CRITICAL,
    look=of_accounts(look),
    references=("CIS Debian 12 7.2.2", "NIST 800-53 IA-5"),
)
