"""No group has a password.

Who knows it joins the group with newgrp, and nobody sees who that is. Groups are given to accounts instead. Source:
gshadow(5), newgrp(1).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.users import GROUP, GSHADOW, Accounts, judge_password
from imgtools.ops.account_checks import of_accounts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each group that one can join with a password."""
    for path, groups in ((GROUP, accounts.groups), (GSHADOW, accounts.gshadow)):
        for group in groups:
            stored = group.password.reveal().decode("utf-8", "replace")
            if stored != "x" and judge_password(stored).state == "set":
                text = f"whoever knows its password joins the group {group.name}"
                yield Flaw(text, path, group.line, group.name, advice=f"gpasswd -r {group.name}")


CHECK = Check(
    title="No group has a password",
    severity=Level.LOW,
    look=of_accounts(look),
)
