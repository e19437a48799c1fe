"""Passwords of people's accounts expire, where a site wants that.

A password that is never changed stays good for whoever got hold of it. Accounts of services cannot change theirs, so
they are named in ``allow``. NIST 800-63B no longer asks for it: a site that follows that skips this check.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_account_checks import each_account, of_account
from imgtools.records.audit import Level

if TYPE_CHECKING:
    from imgtools.guest.windows.sam import WindowsUser


@dataclass(frozen=True, slots=True)
class Params:
    """``allow``: accounts whose passwords need not expire."""

    allow: tuple[str, ...] = ()


def judge(examined: Examined, user: WindowsUser, params: Params) -> Iterator[Seen]:
    """Yield the account if its password is marked to stay."""
    if user.password_never_expires and user.name.casefold() not in map(str.casefold, params.allow):
        yield of_account(
            examined,
            user,
            f"the password of {user.name} never expires",
            advice="have it changed first: one that is older than the policy allows expires at once",
        )


CHECK = Check(
    title="Passwords of accounts expire",
    severity=Level.LOW,
    look=each_account(judge),
    families=WINDOWS,
    params=Params,
    references=("NIST 800-53 IA-5",),
)
