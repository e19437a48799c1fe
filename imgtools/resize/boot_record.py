"""What boot code knows of places on the disk, and what it must know when a partition has moved.

All of these are pure functions over sectors. NTFS and FAT keep the sector where their partition begins ("hidden
sectors"), and Windows' boot code looks there. GRUB's first sector names the sector of its second part, which names
the sectors of the rest (boot.S and diskboot.S in grub-core/boot/i386/pc).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from imgtools.resize.relayout import Move
from imgtools.volumes.boot_code import KERNEL_SECTOR, BootCode, read_boot_sector

SECTOR = 512
LIST_ENTRY = 12  # GRUB_BOOT_MACHINE_LIST_SIZE: 8 bytes of start, 2 of length, 2 of segment
HIDDEN_SECTORS = 0x1C  # 4 bytes, in the boot sectors of FAT and NTFS
NTFS_SECTORS = 0x28  # 8 bytes
FAT32_COPY = 0x32  # 2 bytes: the sector of the copy of the boot sector


def grub_core_sector(boot: bytes) -> int | None:
    """Return where GRUB 2's boot sector says that its second part lies; None if it is not GRUB 2's."""
    head = read_boot_sector(boot)
    return head.core if head.code is BootCode.GRUB and head.signed else None


def with_core_sector(boot: bytes, sector: int) -> bytes:
    """Return GRUB's boot sector, leading to another sector."""
    return boot[:KERNEL_SECTOR] + sector.to_bytes(8, "little") + boot[KERNEL_SECTOR + 8 :]


def with_shifted_list(core: bytes, shift: int) -> bytes:
    """Return the first sector of GRUB's second part; the sectors that it lists lie ``shift`` further on."""
    raw = bytearray(core[:SECTOR])
    place = SECTOR - LIST_ENTRY
    while place > LIST_ENTRY:
        start, length = struct.unpack_from("<QH", raw, place)
        if not length:
            break
        struct.pack_into("<Q", raw, place, start + shift)
        place -= LIST_ENTRY
    return bytes(raw)


def move_around(sector: int, moves: Sequence[Move]) -> Move | None:
    """Return the move of the partition in which a sector lay; None if none of those that move."""
    found = [move for move in moves if move.has_moved and move.old.start <= sector < move.old.end]
    return min(found, key=lambda move: move.old.size, default=None)  # a logical one, not the extended one


def with_hidden_sectors(boot: bytes, old_start: int, new_start: int) -> bytes | None:
    """Return the boot sector of a FAT or NTFS that now begins elsewhere; None if it does not say where it begins."""
    if boot[510:512] != b"\x55\xaa" or boot[0] not in (0xEB, 0xE9):
        return None
    if int.from_bytes(boot[HIDDEN_SECTORS : HIDDEN_SECTORS + 4], "little") != old_start:
        return None
    if new_start >= 1 << 32:
        return None
    return boot[:HIDDEN_SECTORS] + new_start.to_bytes(4, "little") + boot[HIDDEN_SECTORS + 4 :]


def boot_sector_copies(boot: bytes, length: int) -> tuple[int, ...]:
    """Return the sectors of a partition of ``length`` sectors where its FAT32 or NTFS may keep a copy of the first."""
    if boot[3:11] == b"NTFS    ":
        # Behind the volume; ntfsresize leaves a few sectors there, and writes it to the last one.
        return (int.from_bytes(boot[NTFS_SECTORS : NTFS_SECTORS + 8], "little"), length - 1)
    if boot[82:87] == b"FAT32":
        return (int.from_bytes(boot[FAT32_COPY : FAT32_COPY + 2], "little"),)
    return ()
