"""Nobody is in the group that reads the hashes of passwords.

Debian lets the group shadow read /etc/shadow, for the program that checks them. Whoever is in it reads all hashes. It
is no fix of a tool: a service may be in it. Source: base-passwd of Debian, users-and-groups.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.users import GROUP, Accounts
from imgtools.ops.account_checks import of_accounts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each account that is in the group."""
    group = next((one for one in accounts.groups if one.name == "shadow"), None)
    if group is None:
        yield NotThere("no group shadow")
        return
    own = [one.name for one in accounts.passwd if one.gid == group.gid]
    for name in dict.fromkeys([*group.members, *own]):
        text = f"{name} is in the group shadow, which reads the hashes of passwords"
        yield Flaw(text, GROUP, group.line, name, advice=f"gpasswd -d {name} shadow, if nothing needs it")


CHECK = Check(
    title="Nobody is in the group shadow",
    severity=Level.HIGH,
    look=of_accounts(look),
    references=("CIS Debian 12 7.2.4", "NIST 800-53 AC-6"),
)
