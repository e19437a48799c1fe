"""The code in a disk's first sector that the BIOS starts: whose it is, and where it goes on.

Sources: grub-core/boot/i386/pc/boot.S of GRUB 2, stage1/stage1.S of GRUB 0.97, mbr/*.S of syslinux; the messages that
Windows' and Debian's boot records hold.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum

SECTOR = 512
CODE = 440  # bytes in front of the disk's signature
KERNEL_SECTOR = 0x5C  # of GRUB 2's boot.img: where its core image begins, 8 bytes
GRUB = b"GRUB \0Geom\0Hard Disk\0Read\0 Error"


class BootCode(StrEnum):
    """Whose code it is. All but the first four start the active partition of a disk with an MBR, or know none."""

    NONE = ""  # zeros
    GRUB = "GRUB"
    GRUB_LEGACY = "GRUB 0.97"
    LILO = "LILO"
    SYSLINUX = "syslinux"
    WINDOWS = "Windows"
    OTHER = "unknown"


@dataclass(frozen=True, slots=True)
class BootSector:
    """``core`` is the sector where GRUB's core image begins; 0 for others. ``signed``: 55 AA is at its end."""

    code: BootCode
    core: int = 0
    signed: bool = True

    @property
    def needs_active(self) -> bool:
        """Whether it starts what the partition table marks as active."""
        return self.code in (BootCode.SYSLINUX, BootCode.WINDOWS)


def read_boot_sector(raw: bytes) -> BootSector:
    """Tell whose code a first sector holds."""
    signed = raw[510:512] == b"\x55\xaa"
    code = raw[:CODE]
    if not code.strip(b"\0"):
        return BootSector(BootCode.NONE, 0, signed)
    if GRUB in code:
        if raw[0x3E:0x40] == b"\x03\x02":  # the version of stage1's compatibility
            return BootSector(BootCode.GRUB_LEGACY, 0, signed)
        (core,) = struct.unpack_from("<Q", raw, KERNEL_SECTOR)
        return BootSector(BootCode.GRUB, core, signed)
    if b"LILO" in code[:16]:
        return BootSector(BootCode.LILO, 0, signed)
    if any(
        one in code for one in (b"Error loading operating system", b"Invalid partition table", b"BOOTMGR")
    ):
        return BootSector(BootCode.WINDOWS, 0, signed)
    if b"Missing operating system" in code or b"Missing OS" in code:
        return BootSector(BootCode.SYSLINUX, 0, signed)
    return BootSector(BootCode.OTHER, 0, signed)
