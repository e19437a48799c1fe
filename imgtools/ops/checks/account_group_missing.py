"""The own group of each account is there.

A group that is made later may get the number, and then has the rights to all that the account makes. Groups of
systems that are an image are also in /usr/lib/group (nss-altfiles). Source: passwd(5), group(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.accounts.users import FILE_LIMIT, PASSWD, Accounts
from imgtools.ops.account_checks import of_accounts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

ELSEWHERE = "/usr/lib/group"


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each account whose own group is not there."""
    files, known = examined.files, {group.gid for group in accounts.groups}
    if files.is_file(ELSEWHERE) and files.stat(ELSEWHERE).size <= FILE_LIMIT:
        found = re.findall(r"(?m)^[^:\n]+:[^:\n]*:(\d{1,10}):", files.read_text(ELSEWHERE, limit=FILE_LIMIT))
        known |= {int(one) for one in found}
    for account in accounts.passwd:
        if account.gid not in known:
            text = f"the own group of {account.name} is not there: {account.gid}"
            yield Flaw(text, PASSWD, account.line, account.name, advice="make it: groupadd -g, or usermod -g")


CHECK = Check(
    title="The own group of each account is there",
    severity=Level.LOW,
    look=of_accounts(look),
    references=("CIS Debian 12 7.2.3",),
)
