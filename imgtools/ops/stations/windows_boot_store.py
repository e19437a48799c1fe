r"""The boot configuration of Windows (BCD), and the loader that its default entry starts.

The boot manager reads which partition Windows is on, by the disk's signature or GUIDs, and which program loads it
there. After a copy of a disk these are often those of the other disk.

Source: "BCD System Store Settings for UEFI", "Boot error 0xC000000E", "Stop error 0xC0000225" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.files.tree import GuestReader
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined, Seen, Station
from imgtools.ops.windows_stations import boot_facts, boot_place, is_old
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, NotThere, Remedy, Severity

if TYPE_CHECKING:
    from imgtools.guest.windows.bcd import BootEntry, BootStore
    from imgtools.guest.windows.boot_device import BootDevice

ANEW = r"make it anew in recovery: bcdboot C:\Windows"


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what keeps the boot manager from starting Windows."""
    if is_old(examined):
        yield NotThere("a Windows before Vista has none: boot.ini is its own")
        return
    facts = examined.once(boot_facts)
    if facts.store is None:
        yield from _no_store(examined, facts.store_problem)
        return
    yield from _devices(examined, facts.store)
    entry = facts.default
    if entry is None or not facts.store.loaders:
        yield Finding(
            "windows-boot-entry-missing",
            f"{facts.store.path} names no entry that starts by default",
            evidence=(Evidence(facts.store.path, text=_default_words(facts.store)),),
            advice=ANEW,
        )
        return
    yield from _loader(examined, entry)
    if entry.safe_boot:
        yield Finding(
            "windows-safe-mode",
            f"{entry.description or entry.id} always starts in safe mode ({entry.safe_boot})",
            Severity.SUSPICIOUS,
            Confidence.MEDIUM,
            (
                Evidence(
                    facts.store.path, text=f"safeboot {entry.safe_boot} of {entry.description or entry.id}"
                ),
            ),
            Remedy("windows-safe-mode-off"),
        )


def _default_words(store: BootStore) -> str:
    from imgtools.guest.windows.bcd import DEFAULT

    named = store.manager.text(DEFAULT) if store.manager is not None else ""
    return f"default {named}, which is not there" if named else "it names none"


def _no_store(examined: Examined, problem: str) -> Iterator[Seen]:
    place = examined.once(boot_place)
    if problem and place is not None:
        yield Finding(
            "windows-boot-store-damaged",
            f"the boot configuration cannot be read: {problem}",
            evidence=(Evidence(place.store, text=problem),),
            advice=ANEW,
        )
    elif place is not None:
        path = "/EFI/Microsoft/Boot/BCD" if place.is_efi else "/Boot/BCD"
        yield Finding(
            "windows-boot-store-missing",
            f"there is no boot configuration on {place.volume.device}, which Windows boots from",
            evidence=(Evidence(place.volume.device, text=f"{path} is not there"),),
            advice=ANEW,
        )
    else:
        yield NotKnown("no boot configuration of Windows is in this image; it may be on another disk")


def _devices(examined: Examined, store: BootStore) -> Iterator[Seen]:
    """Yield the partitions that the boot manager and the default entry name, and that are not there."""
    from imgtools.guest.windows.bcd import DEVICE, OS_DEVICE
    from imgtools.guest.windows.boot_device import find_partition
    from imgtools.guest.windows.boot_entries import describe

    default = store.objects.get(store.default)
    places = ((store.manager, DEVICE), (default, DEVICE), (default, OS_DEVICE))
    lost: dict[str, str] = {}
    for one, element in places:
        device = one.device(element) if one is not None else None
        if one is None or device is None or device.kind != "partition":
            continue
        if find_partition(device, examined.layout) is None:
            lost.setdefault(
                describe(device), "the boot manager" if one is store.manager else "its default entry"
            )
    if lost:
        yield Finding(
            "windows-boot-device-missing",
            "the boot configuration names a partition that is not there: Windows stops with 0xC000000E",
            evidence=tuple(
                Evidence(store.path, text=f"{where} names {name}") for name, where in lost.items()
            ),
            remedy=Remedy("windows-boot-devices"),
        )


def _loader(examined: Examined, entry: BootEntry) -> Iterator[Seen]:
    from imgtools.guest.windows.program import examine_program

    device = entry.device or entry.os_device
    if device is None or device.kind not in ("partition", "boot"):
        yield NotKnown(f"{entry.description or entry.id} starts from a {device.kind if device else 'device'}")
        return
    files = _files(examined, device)
    path = entry.path.replace("\\", "/")
    if files is None or not path.startswith("/"):
        return
    found = examine_program(files, path) if files.is_file(path) else None
    if not files.is_file(path):
        yield Finding(
            "windows-loader-missing",
            f"the boot configuration starts {entry.path}, which is not there",
            evidence=(Evidence(path, text="not there"),),
            remedy=_remedy(examined, path),
            advice=r"restore it from another Windows of the same version, or bcdboot C:\Windows in recovery",
        )
    elif found is not None and (why := _wrong(examined, found.machine, found.problem)):
        yield Finding(
            "windows-loader-damaged",
            f"the loader {path} does not start: {why}",
            evidence=(Evidence(path, text=why),),
            remedy=_remedy(examined, path),
            advice="restore it from another Windows of the same version",
        )


def _wrong(examined: Examined, machine: str, problem: str) -> str:
    arch = examined.system.os.arch
    if not problem and machine and arch in ("x86_64", "aarch64", "i386") and machine != arch:
        return f"it is for {machine}, Windows is for {arch}"
    return problem


def _files(examined: Examined, device: BootDevice) -> GuestReader | None:
    """The files of the partition that a device names; None if it is not there, or cannot be read."""
    from imgtools.guest.windows.boot_device import find_partition
    from imgtools.records.disks import Declined

    guest = examined.system
    if device.kind == "boot":
        return None
    partition = find_partition(device, examined.layout)
    if partition is None:
        return None
    if partition.device in (guest.root.device, *guest.root.parents):
        return guest.files
    for volume in examined.layout.volumes:
        if partition.device in (volume.device, *volume.parents) and volume.mountable:
            files = examined.open_volume(volume)
            return None if isinstance(files, Declined) else files
    return None


def _remedy(examined: Examined, path: str) -> Remedy | None:
    from imgtools.guest.windows.boot_copies import boot_copies, is_whole

    store = examined.once(boot_facts).store
    for one in boot_copies(examined.system, store.path if store is not None else ""):
        if one.path.casefold() == path.casefold() and is_whole(examined.system, one, copy=True):
            return Remedy("windows-boot-files")
    return None


STATION = Station(
    summary="The boot configuration of Windows, and its loader",
    place=610,
    look=look,
    families=WINDOWS,
    causes={
        "windows-boot-store-missing": r"The boot manager reads \EFI\Microsoft\Boot\BCD on the ESP, or \Boot\BCD on the "
        "active partition. Without it Windows stops with 0xC000000F: the boot configuration data is missing.",
        "windows-boot-store-damaged": "The boot configuration is a registry hive. One that was cut off or overwritten "
        "stops Windows with 0xC000014C or 0xC0000185.",
        "windows-boot-entry-missing": "The boot manager starts the entry that is named as the default. Where none is, "
        "or it is not among the entries, nothing starts (0xC0000034).",
        "windows-boot-device-missing": "Entries name partitions by the signature or GUID of their disk, and by their "
        "own GUID or first byte. After a clone, a copy to another disk or a change of table they are those of another "
        "disk, and Windows stops with 0xC000000E or 0xC0000225.",
        "windows-loader-missing": r"The default entry names the program that loads Windows, \Windows\system32\winload."
        "efi or .exe. Where it is not there, the boot manager stops with 0xC000000F or 0xC0000225.",
        "windows-loader-damaged": "The loader is a program with headers that say how long it is. One that was cut off, "
        "overwritten or is for another processor stops with 0xC000007B or 0xC0000221.",
        "windows-safe-mode": "The default entry always starts in safe mode, in which most services do not run, and "
        "nobody reaches the machine by remote desktop.",
    },
    mended={
        "windows-boot-devices": ("windows-boot-device-missing",),
        "windows-boot-files": (
            "windows-loader-missing",
            "windows-loader-damaged",
        ),
        "windows-safe-mode-off": ("windows-safe-mode",),
    },
)
