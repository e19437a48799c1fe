"""Few logons of a domain are kept for when no controller is there.

Whoever gets hold of the disk guesses passwords from them. CachedLogonsCount is 10 by default ("Interactive logon:
Number of previous logons to cache", learn.microsoft.com). People who log on without a controller need theirs, so
nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import WINLOGON, Setting, judged, no_domain
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


@dataclass(frozen=True, slots=True)
class Params:
    """``logons`` that are kept at most."""

    logons: int = 4


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield the number if it is higher."""
    if reason := no_domain(examined):
        yield NotThere(reason)
        return
    yield from judged(
        examined,
        Setting(
            WINLOGON,
            "CachedLogonsCount",
            lambda found: found <= params.logons,
            f"more than {params.logons} logons of the domain are kept",
            default=10,
            advice=f"set it to {params.logons}, if nobody works without the domain",
        ),
    )


CHECK = Check(
    title="Few logons of the domain are kept on the disk",
    severity=Level.LOW,
    look=look,
    families=WINDOWS,
    params=Params,
    references=("NIST 800-53 IA-5",),
)
