r"""The drivers that the loader of Windows reads, and those that the disk needs.

A driver that starts at boot is read before Windows runs: one that is damaged, or for another processor, stops it with
0xC000007B or 0xC0000221; one that is missing does so where its ErrorControl says so. Filters of the disk's devices have
to start too, and some driver of a disk controller: else it is stop code 0x7B.

Source: "Stop error 7B or Inaccessible_Boot_Device troubleshooting", "CreateServiceW function" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined, Seen, Station
from imgtools.ops.windows_stations import boot_facts
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, Remedy, Severity

if TYPE_CHECKING:
    from imgtools.guest.windows.boot_drivers import BootDriver
    from imgtools.guest.windows.boot_facts import BootFacts

ARCHES = ("x86_64", "i386", "aarch64")
RESTORE = (
    "restore the file from another Windows of the same version, or in recovery: sfc /scannow /offbootdir"
)


def look(examined: Examined) -> Iterator[Seen]:
    """Yield drivers that stop Windows at boot."""
    facts = examined.once(boot_facts)
    unread = 0
    for driver in facts.drivers:
        yield from _driver(examined, driver)
        unread += driver.there and driver.program is None
    for lost in facts.filters:
        yield Finding(
            "windows-filter-missing",
            f"{lost.name} is a filter of all {lost.devices}, and cannot start: {lost.why}; stop code 0x7B",
            evidence=(Evidence(lost.key, text=f"{lost.value} names {lost.name}"),),
            remedy=Remedy("windows-device-filters"),
        )
    yield from _controllers(facts)
    if unread:
        yield NotKnown(f"{unread} drivers are stored compressed, and were not looked at")
    if facts.unread and not facts.drivers:
        yield NotKnown("; ".join(facts.unread[:3]))


def _driver(examined: Examined, one: BootDriver) -> Iterator[Seen]:
    arch = examined.system.os.arch
    place = (Evidence(rf"HKLM\SYSTEM\CurrentControlSet\Services\{one.name}", text="Start 0: at boot"),)
    if not one.there:
        yield Finding(
            "windows-boot-driver-missing",
            f"the driver {one.name} starts at boot, and its file {one.file} is not there",
            Severity.BROKEN if one.needed else Severity.SUSPICIOUS,
            evidence=(Evidence(one.file, text="not there"), *place),
            remedy=None if one.needed else Remedy("windows-service", (f"name={one.name}", "start=disabled")),
            advice=RESTORE if one.needed else "",
        )
        return
    program = one.program
    if program is None:
        return
    wrong = program.machine in ARCHES and arch in ARCHES and program.machine != arch
    if program.problem or wrong:
        why = program.problem or f"it is for {program.machine}, Windows is for {arch}"
        name = one.file.rpartition("/drivers/")[2]
        yield Finding(
            "windows-boot-driver-damaged",
            f"the driver {one.name} starts at boot, and its file is not whole: {why}",
            confidence=Confidence.HIGH if one.needed else Confidence.MEDIUM,
            evidence=(Evidence(one.file, text=why), *place),
            remedy=None if one.needed else Remedy("windows-driver-file", (f"file={name}",)),
            advice=RESTORE if one.needed else "",
        )


def _controllers(facts: BootFacts) -> Iterator[Seen]:
    found = facts.controllers
    if found.at_boot or not found.others:
        return
    yield Finding(
        "windows-storage-driver-missing",
        f"no driver of a disk controller starts at boot; {', '.join(found.others)} are there, and do not",
        confidence=Confidence.MEDIUM,
        evidence=(Evidence(r"HKLM\SYSTEM\CurrentControlSet\Services", text=", ".join(found.others)),),
        remedy=Remedy("windows-service", (f"name={found.others[0]}", "start=boot")),
        advice="name the driver of the controller that the machine has, or give it virtio: windows-virtio",
    )


STATION = Station(
    summary="Drivers of Windows that start at boot, and the disk's",
    place=630,
    look=look,
    families=WINDOWS,
    causes={
        "windows-boot-driver-missing": "The file of a driver that starts at boot is not there. Where Windows needs it, "
        "or its ErrorControl says so, the loader stops and names it; others are left out.",
        "windows-boot-driver-damaged": "The file of a driver that starts at boot was cut off, overwritten or is for "
        "another processor. The loader stops with 0xC000007B or 0xC0000221 and names it.",
        "windows-filter-missing": "A filter of disks, volumes or their controllers whose driver was removed, and which "
        "was not taken out of UpperFilters or LowerFilters, as after an antivirus, a backup program or the tools of "
        "another hypervisor: the disk does not start, stop code 0x7B INACCESSIBLE_BOOT_DEVICE.",
        "windows-storage-driver-missing": "No driver of a disk controller starts at boot: Windows cannot read its own "
        "disk, stop code 0x7B INACCESSIBLE_BOOT_DEVICE.",
    },
    mended={
        "windows-device-filters": ("windows-filter-missing",),
        "windows-service": (
            "windows-boot-driver-missing",
            "windows-storage-driver-missing",
        ),
        "windows-driver-file": ("windows-boot-driver-damaged",),
    },
)
