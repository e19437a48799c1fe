"""Only root's own group has the number 0, and only root is in it by its own number.

What an account makes belongs to its group, and root's files are often open to root's group. The old accounts sync,
shutdown, halt and operator are in it by custom and cannot do anything with it. Source: passwd(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.users import GROUP, PASSWD, Accounts
from imgtools.ops.account_checks import of_accounts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

# Accounts of old that distributions keep in this group.
BY_CUSTOM = ("root", "sync", "shutdown", "halt", "operator")


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield accounts with group 0, and groups with the number 0 that are not called root."""
    for account in accounts.passwd:
        if account.gid == 0 and account.uid and account.name not in BY_CUSTOM:
            text = f"the own group of {account.name} is that of root"
            yield Flaw(
                text, PASSWD, account.line, account.name, advice="give it a group of its own: usermod -g"
            )
    for group in accounts.groups:
        if group.gid == 0 and group.name not in ("root", "wheel"):
            yield Flaw(f"the group {group.name} is root's by its number", GROUP, group.line, group.name)


CHECK = Check(
    title="Only root has the group id 0 as its own",
    severity=Level.MEDIUM,
    look=of_accounts(look),
    references=("CIS Debian 12 5.4.2.2", "CIS Debian 12 5.4.2.3"),
)
