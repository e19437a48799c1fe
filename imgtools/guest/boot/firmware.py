"""Which firmware disks are made for, by their partitions, and which can start them, by their first sectors too.

A BIOS starts a disk's first sector, UEFI a program in an ESP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.find.layout import ESP
from imgtools.records.disks import DeviceBytes, Disk, Partition
from imgtools.volumes.boot_code import BootCode, BootSector, read_boot_sector

__all__ = [
    "BIOS_BOOT",
    "BootCode",
    "BootSector",
    "Firmware",
    "boot_sectors",
    "find_firmware",
    "firmware_of",
    "system_partitions",
]

BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"  # GRUB's core image on GPT disks
PREP = "9E1A2D38-C612-4316-AA26-8B49521E5A8B"  # PowerPC
SECTOR = 512
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


def boot_sectors(
    disks: Sequence[Disk], open_device: Callable[[str], DeviceBytes | None]
) -> Iterator[tuple[Disk, BootSector]]:
    """Yield every disk that can be read, and what its first sector starts."""
    for disk in disks:
        file = open_device(disk.device)
        if file is not None and disk.size >= SECTOR:
            yield disk, read_boot_sector(file.read_at(0, SECTOR))


def system_partitions(disks: Sequence[Disk]) -> tuple[Partition, ...]:
    """Return the partitions that UEFI looks for programs in."""
    return tuple(one for disk in disks for one in disk.partitions if one.type.upper() in (ESP, "0XEF"))
