"""The release still gets security updates.

After its end what is found in its programs stays there for everybody to use. Its day is from the release itself
(SUPPORT_END), from distro-info-data or from libosinfo's database; paid extensions are not counted. Source:
os-release(5), osinfo-db.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.packages.release_end import find_release_end, is_rolling
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere

ADVICE = "upgrade to a release that gets updates"


@dataclass(frozen=True, slots=True)
class Params:
    """``days`` before the end of the release it is told."""

    days: int = 90

    def __post_init__(self) -> None:
        if self.days < 0:
            raise ValueError("days is not below 0")


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield a release past its end, or near it."""
    end = find_release_end(examined.files, examined.system.os)
    name = examined.system.os.product_name or examined.system.os.distro
    if end is None and is_rolling(examined.system.os):
        yield NotThere("a distribution that is always updated has no releases")
        return
    if end is None:
        yield NotKnown(
            f"nobody here knows until when {name} gets updates: install osinfo-db or distro-info-data"
        )
        return
    left = (end.longest - examined.today).days
    said = f"until {end.longest.isoformat()}, by {end.source}"
    if left < 0:
        yield Flaw(
            f"{name} gets no security updates any more", "/etc/os-release", evidence=said, advice=ADVICE
        )
    elif end.usual < examined.today:
        text = f"{name} gets only long-term security updates, for a part of its packages"
        yield Flaw(text, "/etc/os-release", evidence=said, severity=Level.LOW, advice=ADVICE)
    elif left <= params.days:
        text = f"{name} gets security updates for {left} days more"
        yield Flaw(text, "/etc/os-release", evidence=said, severity=Level.MEDIUM, advice=ADVICE)


CHECK = Check(
    title="The release gets security updates",
    severity=Level.HIGH,
    look=look,
    params=Params,
    references=("NIST 800-53 SA-22", "NIST 800-53 SI-2"),
)
