"""Linux' software RAID: whether each array has the members that it starts with, and what mdadm.conf says of it."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.mdadm_conf import array_lines, md_problems
from imgtools.guest.health.volumes import RaidState, needed_devices, raids
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Evidence, Finding, NotThere, Remedy, Severity
from imgtools.records.disks import MORE_DISKS
from imgtools.records.system import OsType


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what is missing."""
    found = raids(examined.layout, examined.open_device)
    is_linux = examined.guest is not None and examined.guest.os.type is OsType.LINUX
    lines = list(array_lines(examined.files)) if is_linux else []
    if not found and not lines:
        yield NotThere("no software RAID")
    needed = needed_devices(examined.guest, examined.layout)
    for one in found:
        if len(one.members) < one.wanted:
            yield _degraded(one, is_needed=bool(needed.intersection(one.members)))
    for line in md_problems(examined.files, examined.layout) if is_linux else ():
        is_mended = bool(found) and line.mendable
        yield Finding(
            "mdadm-conf-array-missing",
            "mdadm.conf names an array that is not in this image",
            severity=Severity.SUSPICIOUS,
            evidence=(Evidence(line.array.path, line.array.line, line.array.raw),),
            remedy=Remedy("mdadm-conf") if is_mended else None,
            advice="" if is_mended else MORE_DISKS,
        )


def _degraded(one: RaidState, *, is_needed: bool) -> Finding:
    name = one.name or one.uuid
    text = f"RAID{one.level} {name} has {len(one.members)} of {one.wanted} members"
    return Finding(
        "raid-degraded" if one.starts else "raid-broken",
        text if one.starts else f"{text} and does not start with them",
        severity=Severity.BROKEN if is_needed and not one.starts else Severity.SUSPICIOUS,
        evidence=tuple(Evidence(device, text="a member that is there") for device in one.members),
        advice=f"{MORE_DISKS}; add a new member in the guest: mdadm --add",
    )


STATION = Station(
    summary="Software RAID and its members",
    place=315,
    look=look,
    causes={
        "raid-degraded": "An array has lost members, and starts all the same. Initial RAM disks wait for the missing "
        "ones first, and some do not start it without being told.",
        "raid-broken": "An array has lost more members than it can do without, or their disks were not given.",
        "mdadm-conf-array-missing": "mdadm.conf names an array by a UUID that no disk has: a new one was made, or its "
        "disks are not there. What fstab means by /dev/md0 then appears as /dev/md127.",
    },
    mended={
        "mdadm-conf": ("mdadm-conf-array-missing",),
    },
)
