"""What users and services fill is on filesystems of its own.

So a log or an upload that fills its disk stops neither the system nor the others, and each can be mounted with the
restrictions that fit. A matter of servers; a small virtual machine often has one filesystem, with quotas in their
place. Source: Filesystem Hierarchy Standard 3.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.settings.mounts import mounted_at
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``places`` are those that should be filesystems of their own."""

    places: tuple[str, ...] = ("/tmp", "/var", "/var/log", "/home")


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield the places that lie on the filesystem of what is above them."""
    mounts = {mount.path for mount in examined.system.mounts}
    for place in params.places:
        if place not in mounts and mounted_at(examined.files, place) is None:
            yield Flaw(
                f"{place} is no filesystem of its own",
                place,
                advice="make one when the machine is set up anew; moving it later needs a new disk or LVM",
            )


CHECK = Check(
    title="What fills up is on filesystems of its own",
    severity=Level.LOW,
    look=look,
    params=Params,
    references=("CIS Debian 12 1.1.2", "ANSSI R28", "NIST 800-53 SC-5"),
)
