"""Accounts that nobody uses are disabled.

Nobody notices when one of them is used by somebody else. What counts is the time between the last logon and the last
time that the machine was shut down, since nobody logs on to an image; the built-in Administrator is another check's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_account_checks import ADMINISTRATOR, each_account, of_account
from imgtools.ops.windows_checks import CONTROL, held
from imgtools.records.audit import Level

if TYPE_CHECKING:
    from imgtools.guest.windows.sam import WindowsUser

DAY = 24 * 60 * 60 * 10**9


@dataclass(frozen=True, slots=True)
class Params:
    """``days`` without a logon after which an account counts as not used."""

    days: int = 90


def judge(examined: Examined, user: WindowsUser, params: Params) -> Iterator[Seen]:
    """Yield the account if nobody ever logged on to it, or not for long."""
    if user.sid.endswith(ADMINISTRATOR) or user.last_login is None:
        return
    advice = "disable it, if nobody needs it"
    if user.last_login == 0:
        yield of_account(examined, user, f"nobody ever logged on as {user.name}", advice=advice)
        return
    days = (_last_run(examined) - user.last_login) // DAY
    if days > params.days:
        yield of_account(
            examined,
            user,
            f"nobody has logged on as {user.name} for long",
            evidence=f"{days} days before the machine last ran",
            advice=advice,
        )


def _last_run(examined: Examined) -> int:
    """When Windows was shut down last, in nanoseconds since 1970; 0 if that is not known."""
    from imgtools.guest.windows.facts import filetime

    data = held(examined).values(rf"{CONTROL}\Windows").data("ShutdownTime")
    return (filetime(int.from_bytes(data, "little")) or 0) if len(data) == 8 else 0


CHECK = Check(
    title="Accounts that nobody uses are disabled",
    severity=Level.LOW,
    look=each_account(judge),
    families=WINDOWS,
    params=Params,
    references=("NIST 800-53 AC-2",),
)
