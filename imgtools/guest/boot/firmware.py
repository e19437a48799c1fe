"""Which firmware disks are made for, by their partitions, and which can start them, by what is there to be started.

A BIOS starts a disk's first sector, UEFI a program in an ESP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.find.layout import ESP
from imgtools.records.disks import DeviceBytes, Disk, Mount, Partition
from imgtools.volumes.boot_code import BootCode, BootSector, read_boot_sector

__all__ = [
    "BIOS_BOOT",
    "BootCode",
    "BootSector",
    "Firmware",
    "active_partition",
    "boot_sectors",
    "cause_of_silence",
    "find_firmware",
    "firmware_of",
    "started_by",
    "system_partitions",
]

BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"  # GRUB's core image on GPT disks
PREP = "9E1A2D38-C612-4316-AA26-8B49521E5A8B"  # PowerPC
SECTOR = 512
# What UEFI starts of a disk that its own variables say nothing of (UEFI Specification 2.10, 3.5.1.1), in any case.
FALLBACK = "[Ee][Ff][Ii]/[Bb][Oo][Oo][Tt]/[Bb][Oo][Oo][Tt][Xx]64.[Ee][Ff][Ii]"
NO_CODE = BootSector(BootCode.NONE)


@dataclass(frozen=True, slots=True)
class Firmware:
    """``bios``: there is boot code, or room for a boot loader's. ``uefi``: there is an EFI system partition.

    ``code`` is what the first sector of the first disk that has any holds.
    """

    bios: bool = False
    uefi: bool = False
    code: BootSector = NO_CODE

    @property
    def name(self) -> str:
        """``bios``, ``uefi``, ``bios+uefi``, or "" where nothing tells."""
        return "+".join(name for name, there in (("bios", self.bios), ("uefi", self.uefi)) if there)


def find_firmware(files: GuestReader, disks: Sequence[Disk]) -> str:
    """Tell from the partitions what the disks were made for: an ESP, a BIOS boot partition, an MBR.

    Also where their bytes cannot be read: what they start, and whether anything, :func:`firmware_of` tells.
    """
    if not any(disk.table for disk in disks):
        return ""
    types = {one.type.upper() for disk in disks for one in disk.partitions}
    if PREP in types or "0X41" in types:
        return "openfirmware"
    uefi = bool(system_partitions(disks)) or files.is_dir("/boot/efi/EFI") or files.is_dir("/efi/EFI")
    return Firmware(_has_bios_room(disks) or (disks[0].table == "dos" and not uefi), uefi).name


def _has_bios_room(disks: Sequence[Disk]) -> bool:
    return any(one.type.upper() == BIOS_BOOT for disk in disks for one in disk.partitions)


def firmware_of(disks: Sequence[Disk], open_device: Callable[[str], DeviceBytes | None]) -> Firmware:
    """Tell from the disks which firmware can start them."""
    sectors = [sector for _disk, sector in boot_sectors(disks, open_device)]
    code = next((one for one in sectors if one.code is not BootCode.NONE), NO_CODE)
    active = any("boot" in one.flags for disk in disks for one in disk.partitions)
    return Firmware(
        bios=code.code is not BootCode.NONE or _has_bios_room(disks) or active,
        uefi=bool(system_partitions(disks)),
        code=code,
    )


def started_by(
    disks: Sequence[Disk],
    open_device: Callable[[str], DeviceBytes | None],
    files: GuestReader,
    mounts: Sequence[Mount],
) -> Firmware | None:
    """Tell which firmware gets on from the disks: boot code that has somewhere to go, a fallback program in an ESP.

    Whether what the code leads to is whole is not looked at. An ESP that is not mounted is taken for one that holds
    a program.

    :param mounts: where ``files`` has the ESP.
    :return: None where no first sector can be read.
    """
    sectors = list(boot_sectors(disks, open_device))
    if not sectors:
        return None
    started = next((sector for disk, sector in sectors if _leads_on(disk, sector)), None)
    esps = {one.device for one in system_partitions(disks)}
    known = {one.volume.device: one.path.rstrip("/") for one in mounts if one.volume.device in esps}
    uefi = any(one not in known or any(files.glob(f"{known[one]}/{FALLBACK}")) for one in esps)
    return Firmware(started is not None, uefi, started or NO_CODE)


def _leads_on(disk: Disk, sector: BootSector) -> bool:
    """Whether a BIOS starts the code of a first sector, and the partitions have what it goes on with.

    On a GPT, GRUB's second part lies in a partition; code that leads elsewhere is left from the time of an MBR, and
    the GPT itself lies over its second part. Nobody knows more of the code of others than that most of it looks for
    an active partition.
    """
    if sector.code is BootCode.NONE or not sector.signed:
        return False
    if sector.code is BootCode.GRUB and disk.table == "gpt":
        at = sector.core * SECTOR
        return any(one.start <= at < one.start + one.size for one in disk.partitions)
    if sector.needs_active or sector.code is BootCode.OTHER:
        return active_partition(disk) is not None
    return True


def active_partition(disk: Disk) -> Partition | None:
    """Return what boot code starts that looks for an active partition: of a GPT, one marked for the BIOS."""
    return next((one for one in disk.partitions if {"boot", "legacy-boot"} & set(one.flags)), None)


def boot_sectors(
    disks: Sequence[Disk], open_device: Callable[[str], DeviceBytes | None]
) -> Iterator[tuple[Disk, BootSector]]:
    """Yield every disk that can be read, and what its first sector starts."""
    for disk in disks:
        file = open_device(disk.device)
        if file is not None and disk.size >= SECTOR:
            yield disk, read_boot_sector(file.read_at(0, SECTOR))


def cause_of_silence(disks: Sequence[Disk], open_device: Callable[[str], DeviceBytes | None]) -> str:
    """Return what a diagnosis calls it where a BIOS has started boot code that does nothing; "" if nothing tells."""
    codes = [sector.code for _disk, sector in boot_sectors(disks, open_device)]
    if not codes:
        return ""
    code = next((one for one in codes if one is not BootCode.NONE), BootCode.NONE)
    return {BootCode.NONE: "boot-code-missing", BootCode.GRUB: "grub-core-damaged"}.get(code, "")


def system_partitions(disks: Sequence[Disk]) -> tuple[Partition, ...]:
    """Return the partitions that UEFI looks for programs in."""
    return tuple(one for disk in disks for one in disk.partitions if one.type.upper() in (ESP, "0XEF"))
