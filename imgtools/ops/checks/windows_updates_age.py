"""Updates were installed not long ago.

Windows' updates come each month, and what they mend is attacked within days. What counts is the youngest package of an
update in the component store; a machine that is off gets none, but is as open when it is started again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import MICROSOFT, held
from imgtools.ops.windows_updates import update_packages
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown


@dataclass(frozen=True, slots=True)
class Params:
    """``days`` that the youngest update may be old."""

    days: int = 60


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield the age of the youngest update, if that is too high."""
    times = [one.installed for one in update_packages(examined) if one.installed and one.state == "installed"]
    if not times:
        yield NotKnown("no update says when it was installed")
        return
    youngest = datetime.fromtimestamp(max(times) // 10**9, UTC).date()
    days = (examined.today - youngest).days
    if days > params.days:
        registry = held(examined)
        yield Flaw(
            f"the last update is older than {params.days} days",
            registry.path(MICROSOFT),
            subject="the last update",
            evidence=f"{youngest.isoformat()}, {days} days ago; build {registry.release.build or 'unknown'}",
            advice="let it update before it serves anybody",
        )


CHECK = Check(
    title="Updates were installed not long ago",
    severity=Level.HIGH,
    look=look,
    families=WINDOWS,
    params=Params,
    references=("NIST 800-53 SI-2",),
)
