"""Hashes of passwords are in shadow, not in passwd.

Everybody may read /etc/passwd, so everybody can guess the passwords in it, without the machine noticing. pwconv moves
them. Source: passwd(5), pwconv(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.users import PASSWD, Accounts, judge_password
from imgtools.ops.account_checks import of_accounts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each account whose hash everybody may read."""
    for account in accounts.passwd:
        stored = account.password.reveal().decode("utf-8", "replace")
        if stored not in ("", "x", "*") and (method := judge_password(stored).method):
            yield Flaw(
                f"the hash of {account.name}'s password is where everybody may read it",
                PASSWD,
                account.line,
                account.name,
                method,
                advice="pwconv in the guest moves it; then the password has to be set anew",
            )


CHECK = Check(
    title="No hash of a password is in /etc/passwd",
    severity=Level.HIGH,
    look=of_accounts(look),
    references=("CIS Debian 12 7.2.1", "NIST 800-53 IA-5"),
)
