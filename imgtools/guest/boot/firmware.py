"""Which firmware a disk can be started by: a BIOS starts its first sector, UEFI a program in an ESP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from imgtools.guest.boot.bootloader import BIOS_BOOT
from imgtools.guest.find.layout import ESP
from imgtools.records.disks import DeviceBytes, Disk, Partition
from imgtools.volumes.boot_code import BootCode, BootSector, read_boot_sector

__all__ = ["BootCode", "BootSector", "Firmware", "boot_sectors", "firmware_of", "system_partitions"]

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


def firmware_of(disks: Sequence[Disk], open_device: Callable[[str], DeviceBytes | None]) -> Firmware:
    """Tell from the disks which firmware can start them."""
    sectors = [sector for _disk, sector in boot_sectors(disks, open_device)]
    code = next((one for one in sectors if one.code is not BootCode.NONE), NO_CODE)
    room = any(one.type.upper() == BIOS_BOOT for disk in disks for one in disk.partitions)
    active = any("boot" in one.flags for disk in disks for one in disk.partitions)
    return Firmware(
        bios=code.code is not BootCode.NONE or room or active, uefi=bool(system_partitions(disks)), code=code
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
