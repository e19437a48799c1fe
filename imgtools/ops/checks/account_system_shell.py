"""Accounts of services have a shell that lets nobody in.

A service is started by its unit and needs no shell; with one, whoever breaks into the service, or finds its password,
has one too. Some packages give their account one all the same, which their own tools use: a person decides. Source:
nologin(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.accounts.login_defs import read_account_rules
from imgtools.guest.accounts.users import PASSWD, Accounts, may_log_in
from imgtools.ops.account_checks import of_accounts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``allowed``: accounts that may have one."""

    allowed: tuple[str, ...] = ("sync", "shutdown", "halt")


def look(examined: Examined, accounts: Accounts, params: Params) -> Iterator[Seen]:
    """Yield each account of the system with a shell."""
    least = read_account_rules(examined.files).uid_min
    for account in accounts.passwd:
        if 0 < account.uid < least and may_log_in(account) and account.name not in params.allowed:
            yield Flaw(
                f"{account.name} is an account of the system with the shell {account.shell or '/bin/sh'}",
                PASSWD,
                account.line,
                account.name,
                advice=f"if nothing uses it: usermod -s /usr/sbin/nologin {account.name}",
            )


CHECK = Check(
    title="Accounts of the system have no shell",
    severity=Level.LOW,
    look=of_accounts(look),
    params=Params,
    references=("CIS Debian 12 5.4.2.7", "NIST 800-53 AC-6"),
)
