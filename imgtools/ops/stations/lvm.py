"""LVM: whether every volume group has all its parts, and whether the guest's LVM may use them.

A group that lacks a physical volume is not activated by itself, also those of its volumes that do not lie on it. Where
LVM keeps a file of devices, it sees no physical volume that is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.lvm_devices import DEVICES, LvmDevices, pvid_of, read_lvm_devices
from imgtools.guest.health.volumes import needed_devices
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Evidence, Finding, NotKnown, NotThere, Remedy, Severity
from imgtools.records.disks import MORE_DISKS, Declined


def needed(examined: Examined) -> frozenset[str]:
    """Return the devices without which the guest does not start."""
    return needed_devices(examined.guest, examined.layout)


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what is missing."""
    if not examined.layout.pvs:
        yield NotThere("no LVM")
        return
    yield from _groups(examined)
    listed = read_lvm_devices(examined.guest) if examined.guest is not None else None
    if listed is not None and listed.used:
        yield from _devices_file(examined, listed)


def _groups(examined: Examined) -> Iterator[Seen]:
    lost: dict[str, list[Declined]] = {}
    groups = {one.device: one.vg for one in examined.layout.lvs}
    for one in examined.layout.unread:
        if one.what in groups and "physical volume" in one.reason and "missing" in one.reason:
            lost.setdefault(groups[one.what], []).append(one)
    for name, declined in lost.items():
        own = {device for device, group in groups.items() if group == name}
        stops = bool(own & examined.once(needed)) or examined.guest is None
        yield Finding(
            "volume-group-incomplete",
            f"the volume group {name} lacks a physical volume: {declined[0].reason}",
            severity=Severity.BROKEN if stops else Severity.SUSPICIOUS,
            evidence=tuple(Evidence(one.what, text=one.reason) for one in declined),
            advice=f"{MORE_DISKS}; else vgreduce --removemissing, which loses what lay there",
        )


def _devices_file(examined: Examined, listed: LvmDevices) -> Iterator[Seen]:
    if not listed.is_of_these:
        yield NotKnown(
            f"{DEVICES} lists none of these physical volumes: whether LVM looks for others is not said"
        )
        return
    for volume in listed.hidden:
        stops = volume.device in examined.once(needed)
        yield Finding(
            "lvm-devices",
            f"LVM may not use {volume.device} ({volume.vg}): its devices file does not list it",
            severity=Severity.BROKEN if stops else Severity.SUSPICIOUS,
            evidence=(Evidence(DEVICES, text=f"no PVID={pvid_of(volume)}"),),
            remedy=Remedy("lvm-devices"),
        )


STATION = Station(
    summary="Volume groups and their physical volumes",
    place=310,
    look=look,
    causes={
        "volume-group-incomplete": "A physical volume of a volume group is not there: a disk was taken away, was not "
        "given, or has lost its label. The group is not activated, and what lies in it is not found.",
        "lvm-devices": "LVM takes only the devices that /etc/lvm/devices/system.devices lists, and one that is needed "
        "is not among them: a disk was copied or added, and the file was not.",
    },
    mended={
        "lvm-devices": ("lvm-devices",),
    },
)
