"""Machines in memory, as the stations of a diagnosis see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from imgtools.ops.station import Examined, Station
from imgtools.records.diagnosis import Finding, NotKnown, NotThere, Severity
from imgtools.records.disks import Declined, DeviceBytes, Disk, Holder, Layout, Volume
from imgtools.records.usage import Usage
from tests.support.memory import Content
from tests.support.sysprep import guest_of

ROOT = Volume("/dev/vg0/root", Holder.LV, 1 << 30, "ext4", uuid="r00t", parents=("/dev/sda2",))
BOOT = Volume("/dev/sda1", Holder.PARTITION, 1 << 20, "ext4", label="boot", uuid="b007", part_uuid="aa-01")
PV = Volume("/dev/sda2", Holder.PARTITION, 1 << 30, "LVM2_member", uuid="pv")
ESP = Volume("/dev/sda3", Holder.PARTITION, 1 << 20, "vfat", uuid="EF15-0001")
SWAP = Volume("/dev/sda4", Holder.PARTITION, 1 << 20, "swap", uuid="5a5a")
VOLUMES = (BOOT, PV, ESP, SWAP, ROOT)
# A program as far as anybody looks who asks whether there are programs at all.
PROGRAM = b"#!/bin/false\n" + bytes(20_000)


def layout_of(*volumes: Volume) -> Layout:
    """The layout of one disk with these volumes; without any, the usual ones."""
    return Layout((Disk("/dev/sda", 4 << 30, table="gpt"),), volumes=volumes or VOLUMES)


def examined_of(
    files: Mapping[str, Content],
    layout: Layout | None = None,
    *,
    usage: Usage | Declined | None = None,
    bytes_of: Callable[[str], DeviceBytes | None] = lambda device: None,
    **os: object,
) -> Examined:
    """A machine with the guest of the tests, and files of its own."""
    guest = replace(guest_of(files, **os), root=ROOT)
    told = usage if usage is not None else Declined("/dev/sda", "not read")
    made = layout if layout is not None else layout_of()
    return Examined(made, guest, open_device=bytes_of, usage_of=lambda volume: told)


def found(station: Station, examined: Examined) -> list[Finding]:
    """What a station finds."""
    return [one for one in station.look(examined) if isinstance(one, Finding)]


def ids(
    station: Station, files: Mapping[str, Content], layout: Layout | None = None, **os: object
) -> list[str]:
    """The ids of what a station finds in a guest, those that stop it with a ``!``."""
    return marked(found(station, examined_of(files, layout, **os)))  # type: ignore[arg-type]


def marked(findings: Sequence[Finding]) -> list[str]:
    """The ids of findings, those that stop the machine with a ``!``."""
    return [f"{one.id}{'!' if one.severity is Severity.BROKEN else ''}" for one in findings]


def reasons(station: Station, examined: Examined) -> list[str]:
    """Why something of a station is not there, or not known."""
    return [one.reason for one in station.look(examined) if isinstance(one, (NotKnown, NotThere))]
