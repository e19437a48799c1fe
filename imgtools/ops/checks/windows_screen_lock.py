"""The screen is locked after a while in which nobody was there.

InactivityTimeoutSecs locks every session ("Interactive logon: Machine inactivity limit", learn.microsoft.com); else
each user's screen saver has to, if it asks for the password.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.windows.release import WIN8
from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import SYSTEM_POLICIES, Setting, each_user, held, judged
from imgtools.records.audit import Level

DESKTOPS = (r"Software\Policies\Microsoft\Windows\Control Panel\Desktop", r"Control Panel\Desktop")
NAMES = ("ScreenSaveActive", "ScreenSaverIsSecure", "ScreenSaveTimeOut")
OF_PEOPLE = "S-1-5-21-"


@dataclass(frozen=True, slots=True)
class Params:
    """``seconds`` after which the screen is locked at the latest."""

    seconds: int = 900

    def __post_init__(self) -> None:
        if not 1 <= self.seconds <= 599_940:
            raise ValueError("seconds is a number from 1 to 599940")


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield the limit of the machine, unless the screen savers of all users do."""
    people = [user for user, _folder in each_user(examined) if OF_PEOPLE in user]
    if people and all(_locks(examined, user, params.seconds) for user in people):
        return
    yield from judged(
        examined,
        Setting(
            SYSTEM_POLICIES,
            "InactivityTimeoutSecs",
            lambda found: 0 < found <= params.seconds,
            f"the screen is not locked after {params.seconds} seconds",
            default=0,
            to=params.seconds,
            since=WIN8,
        ),
    )


def _locks(examined: Examined, user: str, seconds: int) -> bool:
    registry = held(examined)
    keys = [rf"{user}\{desktop}" for desktop in DESKTOPS]
    said = [
        next((found for key in keys if (found := registry.number(key, name)) is not None), 0)
        for name in NAMES
    ]
    return said[0] == 1 and said[1] == 1 and 0 < said[2] <= seconds


CHECK = Check(
    title="The screen is locked when nobody is there",
    severity=Level.LOW,
    look=look,
    families=WINDOWS,
    params=Params,
    references=("NIST 800-53 AC-11",),
)
