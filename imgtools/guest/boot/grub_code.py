"""GRUB's code for BIOS on a disk, held against what the guest has of it in its files.

Two parts: 440 bytes in the first sector (``boot.img``), and the core image behind the MBR or in a BIOS boot partition,
which begins with ``diskboot.img``. grub-install leaves the core that it has written in /boot/grub/i386-pc/core.img.
Sources: grub-core/boot/i386/pc/{boot,diskboot}.S, include/grub/i386/pc/boot.h, util/setup.c of GRUB 2.12.
"""

from __future__ import annotations

from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bios import installed_core
from imgtools.guest.boot.firmware import BIOS_BOOT
from imgtools.records.disks import DeviceBytes, Disk
from imgtools.volumes.boot_code import CODE, KERNEL_SECTOR, SECTOR, BootCode, read_boot_sector

FOLDERS = ("/boot/grub/i386-pc", "/boot/grub2/i386-pc", "/usr/lib/grub/i386-pc")
DRIVE_CHECK = 0x66  # GRUB_BOOT_MACHINE_DRIVE_CHECK: two NOPs on a hard disk
SAME_IN_DISKBOOT = 256  # bytes from its beginning that nobody changes; the list of sectors is at its end
LARGEST_CORE = 1 << 20


def find_image(files: GuestReader, name: str) -> bytes:
    """Return one of GRUB's images for BIOS from the guest's files; b"" if it is not there."""
    for folder in FOLDERS:
        path = f"{folder}/{name}"
        if files.is_file(path) and files.stat(path).size <= LARGEST_CORE:
            return files.read_bytes(path, limit=LARGEST_CORE)
    return b""


def core_place(disk: Disk) -> int | None:
    """Return the sector where grub-install puts the core image of a disk; None: it has no room for one."""
    if disk.table == "dos":
        return 1
    parts = [one for one in disk.partitions if one.type.upper() == BIOS_BOOT]
    return parts[0].start // SECTOR if parts else None


def grub_second_part(files: GuestReader, disk: Disk, file: DeviceBytes) -> int | None:
    """Return the sector at which a core image lies whose beginning is that of the guest's own; None if none does."""
    place, diskboot = core_place(disk), find_image(files, "diskboot.img")
    if place is None or len(diskboot) < SAME_IN_DISKBOOT:
        return None
    there = file.read_at(place * SECTOR, SAME_IN_DISKBOOT)
    return place if there == diskboot[:SAME_IN_DISKBOOT] else None


def boot_code_for(files: GuestReader, sector: int) -> bytes:
    """Return the first part, leading to a core image at ``sector``; b"" if the guest has none."""
    image = find_image(files, "boot.img")
    if len(image) < SECTOR:
        return b""
    made = bytearray(image)
    made[KERNEL_SECTOR : KERNEL_SECTOR + 8] = sector.to_bytes(8, "little")
    made[DRIVE_CHECK : DRIVE_CHECK + 2] = b"\x90\x90"
    return bytes(made[:CODE])


def is_core_sound(files: GuestReader, disk: Disk, file: DeviceBytes) -> bool:
    """Whether a disk has GRUB's boot code, and it leads to a core image that is whole."""
    head = read_boot_sector(file.read_at(0, SECTOR))
    if head.code is not BootCode.GRUB:
        return False
    return not installed_core(files, file, disk, head.core).problem
