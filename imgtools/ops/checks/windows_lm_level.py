"""Logons over the network use the second version of NTLM alone.

What the first one and LAN Manager send can be guessed at once by whoever hears it. LmCompatibilityLevel 3, the
default since Vista, sends only the second; 5 also takes nothing else from others: "Network security: LAN Manager
authentication level" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.windows.release import VISTA
from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import LSA, Setting, at_least, judged, since
from imgtools.records.audit import Level

SENDS_SECOND = 3


@dataclass(frozen=True, slots=True)
class Params:
    """``level`` that is wanted at least: 3 to send the second version only, 5 to take nothing else."""

    level: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.level <= 5:
            raise ValueError("level is a number from 0 to 5")


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield the level if it is too low: what is sent weighs more than what is taken."""
    sent = (min(SENDS_SECOND, params.level), "old kinds of network logons are sent", None)
    taken = (params.level, "old kinds of network logons are taken from others", Level.LOW)
    for level, text, severity in (sent, taken):
        found = tuple(
            judged(
                examined,
                Setting(
                    LSA,
                    "LmCompatibilityLevel",
                    at_least(level),
                    text,
                    default=since(VISTA, SENDS_SECOND, before=0),
                    to=params.level,
                    severity=severity,
                ),
            )
        )
        if found:
            yield from found
            return


CHECK = Check(
    title="Network logons use NTLMv2 alone",
    severity=Level.HIGH,
    look=look,
    families=WINDOWS,
    params=Params,
    references=("NIST 800-53 IA-2",),
)
