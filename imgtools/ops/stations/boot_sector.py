"""What a BIOS starts: the first sector of the disk, and what it leads to.

GRUB's boot sector loads its core image, from the room in front of the first partition or from a BIOS boot partition;
the core image looks for its folder (normal.mod, grub.cfg) in a filesystem. The boot sectors of syslinux, and those
that every MBR may have, start the active partition.

The core image is unpacked, and held against core.img where grub-install has left it. What is not looked at: boot code
that nobody here knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.boot.bios import (
    InstalledCore,
    bios_loader,
    has_syslinux,
    installed_core,
    ldlinux,
)
from imgtools.guest.boot.firmware import (
    BootCode,
    BootSector,
    active_partition,
    boot_sectors,
    firmware_of,
)
from imgtools.guest.boot.grub_code import core_place
from imgtools.ops.grub_folder import missing_folder
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, NotThere, Remedy, Severity
from imgtools.records.disks import Disk

# By itself, the repair only does it where it sees for itself that something is wrong.
INSTALL = Remedy("grub-install", ("force=yes",))


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what keeps a BIOS from getting to the boot menu."""
    disks = examined.layout.disks
    found = list(boot_sectors(disks, examined.open_device))
    if not found:
        yield NotKnown("the disks' first sectors can only be read by the appliance")
        return
    disk, sector = next((one for one in found if one[1].code is not BootCode.NONE), found[0])
    if sector.code is BootCode.NONE:
        yield _no_code(examined, disk)
    elif not sector.signed:
        yield Finding(
            "boot-signature-missing",
            f"the first sector of {disk.device} holds the boot code of {sector.code}, and does not end with 55 AA: "
            "a BIOS does not start it",
            evidence=(Evidence(disk.device, text="bytes 510 and 511"),),
            remedy=Remedy("boot-code"),
        )
    elif sector.code is BootCode.GRUB:
        yield from _grub(examined, disk, sector)
    elif sector.needs_active:
        yield from _active(examined, disk, sector)
    elif sector.code is BootCode.OTHER:
        yield NotKnown(f"the boot code of {disk.device} is none that is known")


def _no_code(examined: Examined, disk: Disk) -> Seen:
    """No boot code: only wrong where a loader for the BIOS has been installed."""
    loader, path = bios_loader(examined.files)
    if loader is BootCode.NONE:
        return NotThere("no boot loader for a BIOS is installed")
    firmware = firmware_of(examined.layout.disks, examined.open_device)
    is_grub, has_room = loader is BootCode.GRUB, core_place(disk) is not None
    advice = f"install the boot sector of {loader} again"
    if is_grub and not has_room:
        advice = f"GRUB for a BIOS needs a BIOS boot partition, and {disk.device} has none"
    return Finding(
        "boot-code-missing",
        f"the first sector of {disk.device} holds no boot code, though {loader} was installed for a BIOS",
        severity=Severity.SUSPICIOUS if firmware.uefi and not firmware.bios else Severity.BROKEN,
        evidence=(Evidence(disk.device, text="bytes 0 to 439 are zeros"), Evidence(path, text="there")),
        remedy=INSTALL if is_grub and has_room else None,
        advice="" if is_grub and has_room else advice,
    )


def _grub(examined: Examined, disk: Disk, sector: BootSector) -> Iterator[Seen]:
    file = examined.open_device(disk.device)
    if file is None:
        return
    core = installed_core(examined.files, file, disk, sector.core)
    if core.problem:
        yield _damaged(core)
        if not core.mends_itself:
            return
    for one in core.intruders:
        yield Finding(
            "grub-core-room",
            f"GRUB's core image lies in {one.device}, which is not for it: what is written there destroys it",
            severity=Severity.SUSPICIOUS,
            evidence=(Evidence(disk.device, text=f"sectors {core.sectors}"),),
            remedy=INSTALL,
        )
    yield from _folder(examined, disk, core)


def _damaged(core: InstalledCore) -> Finding:
    mended = "; so few bytes GRUB mends itself each time it starts" if core.mends_itself else ""
    where = f"sectors {core.sectors}" if core.sectors else "no sectors"
    return Finding(
        "grub-core-damaged",
        f"GRUB's core image on {core.disk.device} is damaged: {core.problem}{mended}",
        severity=Severity.SUSPICIOUS if mended else Severity.BROKEN,
        evidence=(
            Evidence(core.disk.device, text=where),
            *(Evidence(one.device, text="lies over it") for one in core.intruders),
        ),
        remedy=INSTALL,
    )


def _folder(examined: Examined, disk: Disk, core: InstalledCore) -> Iterator[Seen]:
    if core.place is None:
        return
    missing = missing_folder(examined, core.place, disk, modules=True)
    if isinstance(missing, NotKnown):
        yield missing
    elif missing:
        yield Finding(
            "grub-prefix-missing",
            f"GRUB looks for {core.place.folder or 'its folder'} on {core.place.name}, and {missing}: it ends at "
            "grub rescue>",
            evidence=(Evidence(disk.device, text=f"built in: {core.place.name}{core.place.folder}"),),
            remedy=INSTALL,
        )


def _active(examined: Examined, disk: Disk, sector: BootSector) -> Iterator[Seen]:
    loader, path = bios_loader(examined.files)
    if sector.code is BootCode.WINDOWS and loader is BootCode.GRUB:
        yield Finding(
            "boot-code-foreign",
            f"the boot code of {disk.device} is that of {sector.code}; GRUB, which was installed, is not started",
            confidence=Confidence.MEDIUM,
            evidence=(Evidence(disk.device), Evidence(path, text="there")),
            remedy=INSTALL,
        )
        return
    active = active_partition(disk)
    if active is None:
        yield Finding(
            "boot-active-missing",
            f"the boot code of {disk.device} ({sector.code}) starts the active partition, and none is active",
            evidence=(Evidence(disk.device, text="no partition has the flag 80"),),
            remedy=Remedy("boot-code"),
        )
    elif has_syslinux(examined.open_device(active.device)) and not ldlinux(examined.files):
        yield Finding(
            "syslinux-missing",
            f"the boot sector of {active.device} loads ldlinux.sys, which is not in a folder of syslinux's",
            confidence=Confidence.MEDIUM,
            evidence=(Evidence(active.device), Evidence("/boot/extlinux/ldlinux.sys", text="not there")),
            advice="install it again: extlinux --install /boot/extlinux",
        )


STATION = Station(
    summary="The boot sector and GRUB's core image",
    place=110,
    look=look,
    families=LINUX,
    causes={
        "boot-code-missing": "The first 440 bytes of the disk are zeros, so a BIOS finds nothing to start: a new "
        "partition table was written, or the disk was copied without its first sector.",
        "boot-signature-missing": "A BIOS takes a disk for bootable if its first sector ends with 55 AA. It does not.",
        "boot-code-foreign": "Windows, or its recovery, has put its own boot code over GRUB's.",
        "boot-active-missing": "The boot code starts the partition that is marked as active, and none is: Missing "
        "operating system.",
        "grub-core-damaged": "GRUB's boot sector loads a core image from the sectors behind it, or from a BIOS boot "
        "partition. What is there is not a whole one: overwritten by a partition tool, or by an image of another disk. "
        "GRUB hangs, restarts, or says: error: ... ",
        "grub-core-room": "The core image lies in a partition with other content. It works until that moves.",
        "grub-prefix-missing": "The core image looks for its folder in a filesystem that is not there, or finds no "
        "modules in it: a clone with new UUIDs, a renamed volume, /boot moved or deleted. GRUB ends at grub rescue>.",
        "syslinux-missing": "The partition's boot sector was made by syslinux; the file that it loads was deleted.",
    },
    mended={
        "boot-code": (
            "boot-signature-missing",
            "boot-active-missing",
        ),
        "grub-install": (
            "boot-code-missing",
            "boot-code-foreign",
            "grub-core-damaged",
            "grub-core-room",
            "grub-prefix-missing",
        ),
    },
)
