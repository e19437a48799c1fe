"""Others do not look into a home, and never write to it.

Who may write to a home can log in as its owner: with keys or a profile of his own. Who may read it sees histories and
notes. The fix takes away the right to write; the right to read may be needed by a web server, so a person decides.
Source: HOME_MODE in login.defs(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import SetMode
from imgtools.guest.accounts.users import Accounts
from imgtools.ops.account_checks import hidden_homes, homes_of_people, of_accounts
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``widest``: the mode, in octal, that a home may have at most."""

    widest: str = "0750"

    def __post_init__(self) -> None:
        if not re.fullmatch("0?[0-7]{3}", self.widest):
            raise ValueError(f"not a mode in octal: {self.widest}")


def look(examined: Examined, accounts: Accounts, params: Params) -> Iterator[Seen]:
    """Yield each home that gives others more than is allowed."""
    allowed = int(params.widest, 8)
    yield from hidden_homes(examined, accounts)
    for account, home in homes_of_people(examined, accounts):
        mode = examined.files.stat(home).mode & 0o777
        if mode & 0o022:
            yield Flaw(
                f"others may write to the home of {account.name}",
                home,
                subject=account.name,
                evidence=f"mode {mode:04o}",
                severity=Level.HIGH,
                fix=always(SetMode(home, examined.files.stat(home).mode & ~(0o022 | (0o777 & ~allowed)))),
            )
        elif mode & ~allowed:
            yield Flaw(
                f"others may look into the home of {account.name}",
                home,
                subject=account.name,
                evidence=f"mode {mode:04o}",
                advice=f"if nothing needs to: imgtools chmod {mode & allowed:04o} {home}",
            )


CHECK = Check(
    title="Others cannot look into homes",
    severity=Level.LOW,
    look=of_accounts(look),
    params=Params,
    references=("CIS Debian 12 7.2.9", "NIST 800-53 AC-6"),
)
