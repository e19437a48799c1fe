r"""What firmware starts of Windows: the boot manager, on the ESP or on the active partition.

By UEFI it is ``\EFI\Microsoft\Boot\bootmgfw.efi``, or ``\EFI\Boot\bootx64.efi`` where firmware has no entry of its own
for Windows, as after a copy to another machine. By BIOS the boot record of the active partition loads ``\bootmgr``.

Source: "UEFI/GPT-based hard drive partitions", "BIOS/MBR-based hard drive partitions", "BCDBoot" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined, Seen, Station
from imgtools.ops.windows_stations import boot_place, is_old
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, NotThere, Remedy, Severity

if TYPE_CHECKING:
    from imgtools.guest.windows.boot_place import BootPlace
    from imgtools.records.disks import Disk

COPY = r"start a Windows of the same version in recovery, and make them anew: bcdboot C:\Windows"


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what of the boot manager is missing or damaged."""
    if is_old(examined):
        yield NotThere("a Windows before Vista has no such boot manager")
        return
    place = examined.once(boot_place)
    if place is None:
        yield NotKnown("no volume of this image is one that Windows boots from; it may be on another disk")
        return
    yield from _efi(examined, place) if place.is_efi else _bios(examined, place)


def _efi(examined: Examined, place: BootPlace) -> Iterator[Seen]:
    fallback = place.fallback(examined.system.os.arch)
    is_there = bool(fallback) and place.files.is_file(fallback)
    yield from _program(examined, place, place.manager)
    if place.files.is_file(place.manager) and fallback and not is_there:
        yield Finding(
            "windows-fallback-missing",
            f"there is no {_own(place, fallback)} on the ESP: firmware without an entry for Windows does not find it",
            Severity.SUSPICIOUS,
            Confidence.MEDIUM,
            (Evidence(place.volume.device, text=f"{_own(place, fallback)} is not there"),),
            _remedy(examined, place),
            "make an entry for bootmgfw.efi in the firmware of the machine",
        )
    elif is_there:
        yield from _program(examined, place, fallback)


def _program(examined: Examined, place: BootPlace, path: str) -> Iterator[Seen]:
    from imgtools.guest.windows.program import examine_program

    name = _own(place, path)
    if not place.files.is_file(path):
        yield Finding(
            "windows-boot-manager-missing",
            f"the boot manager {name} is not on {place.volume.device}",
            evidence=(Evidence(place.volume.device, text=f"{name} is not there"),),
            remedy=_remedy(examined, place),
            advice=COPY,
        )
        return
    found = examine_program(place.files, path)
    arch = examined.system.os.arch
    wrong = found is not None and found.machine and arch in _ARCHES and found.machine != arch
    if found is not None and (found.problem or wrong):
        why = found.problem or f"it is for {found.machine}, Windows is for {arch}"
        yield Finding(
            "windows-boot-manager-damaged",
            f"the boot manager {name} on {place.volume.device} does not start: {why}",
            evidence=(Evidence(path, text=why),),
            remedy=_remedy(examined, place),
            advice=COPY,
        )


_ARCHES = ("x86_64", "aarch64")  # an i386 Windows may have the boot manager of either


def _remedy(examined: Examined, place: BootPlace) -> Remedy | None:
    """The repair, where it can reach the volume and Windows has copies of the files."""
    from imgtools.guest.windows.boot_copies import has_copies

    return Remedy("windows-boot-files") if place.store and has_copies(examined.system) else None


def _own(place: BootPlace, path: str) -> str:
    """A path as it is on its own volume."""
    return path.removeprefix(place.top)


def _bios(examined: Examined, place: BootPlace) -> Iterator[Seen]:
    name = _own(place, place.manager)
    if not place.files.is_file(place.manager):
        yield Finding(
            "windows-boot-manager-missing",
            f"the boot manager {name} is not on {place.volume.device}",
            evidence=(Evidence(place.volume.device, text=f"{name} is not there"),),
            remedy=_remedy(examined, place),
            advice=COPY,
        )
    elif not _is_anything(place):
        yield Finding(
            "windows-boot-manager-damaged",
            f"the boot manager {name} on {place.volume.device} is empty",
            evidence=(Evidence(place.manager, text="empty, or only zeros at its beginning"),),
            remedy=_remedy(examined, place),
            advice=COPY,
        )
    yield from _boot_record(examined, place)


def _is_anything(place: BootPlace) -> bool:
    with place.files.open(place.manager) as stream:
        return bool(stream.read(512).strip(b"\0"))


def _boot_record(examined: Examined, place: BootPlace) -> Iterator[Seen]:
    from imgtools.guest.windows.boot_device import disk_of
    from imgtools.guest.windows.boot_place import BOOT_RECORD, MBR_CODE, is_active, starts_windows

    disk = disk_of(place.volume, examined.layout)
    if disk is None or disk.table != "dos":
        return
    active = [one.device for one in disk.partitions if is_active(one)]
    own = (place.volume.device, *place.volume.parents)
    if not any(one in own for one in active):
        yield Finding(
            "windows-partition-inactive",
            f"the partition that Windows boots from, {place.volume.device}, is not the active one of its disk",
            evidence=(Evidence(disk.device, text=f"active: {', '.join(active) or 'none'}"),),
            remedy=Remedy("boot-code", (f"active={place.volume.device}",))
            if _is_primary(place, disk)
            else None,
            advice="" if _is_primary(place, disk) else f"make {place.volume.device} the active partition",
        )
    whole, record = examined.open_device(disk.device), examined.open_device(place.volume.device)
    if whole is None or record is None:
        yield NotKnown("the boot records cannot be read")
    elif not whole.read_at(0, MBR_CODE).strip(b"\0"):
        yield NotKnown(f"{disk.device} has no boot code at all: it is started in another way")
    elif not starts_windows(record.read_at(0, BOOT_RECORD)):
        yield Finding(
            "windows-boot-record-damaged",
            f"the boot record of {place.volume.device} does not start Windows",
            confidence=Confidence.MEDIUM,
            evidence=(Evidence(place.volume.device, text="its code does not name BOOTMGR"),),
            advice="write it anew in recovery: bootsect /nt60 SYS",
        )


def _is_primary(place: BootPlace, disk: Disk) -> bool:
    """Whether the boot volume has a slot of the MBR, which is where the mark is."""
    return any(one.device == place.volume.device and one.kind == "primary" for one in disk.partitions)


STATION = Station(
    summary="The boot manager of Windows, and what starts it",
    place=600,
    look=look,
    families=WINDOWS,
    causes={
        "windows-boot-manager-missing": "Firmware, or the boot record, starts Windows' boot manager: bootmgfw.efi on "
        'the ESP, or bootmgr on the active partition. Where it is missing, nothing of Windows starts: "BOOTMGR is '
        'missing", or firmware that says that there is nothing to boot.',
        "windows-boot-manager-damaged": "The boot manager is a program with headers that say how long it is. One that "
        "was cut off, overwritten or is for another processor is not started.",
        "windows-fallback-missing": "Firmware that has no entry for Windows, as on another machine, only looks for "
        "EFI/Boot/bootx64.efi. A copy of the boot manager has to be there.",
        "windows-partition-inactive": "The boot code of an MBR starts the partition that has the active flag. Where "
        "another one has it, or none, Windows' boot manager is not found.",
        "windows-boot-record-damaged": "The first sectors of the active partition load bootmgr. Where they belong to "
        "another system, or were overwritten, the machine stops behind the BIOS.",
    },
    mended={
        "windows-boot-files": (
            "windows-boot-manager-missing",
            "windows-boot-manager-damaged",
            "windows-fallback-missing",
        ),
        "boot-code": ("windows-partition-inactive",),
    },
)
