"""Partition tables: MBR with logical partitions, and GPT with its damage.

Own code, held against sfdisk by the tests (docs/decisions/partition-tables.md). What counts as a table, and the
numbers of partitions, follow Linux (block/partitions/msdos.c and efi.c), whose device names the guest uses.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from imgtools.errors import UsageError
from imgtools.records.disks import Disk, Partition
from imgtools.volumes.gpt import partition_device, read_gpt
from imgtools.volumes.volume_file import DiskFile

SIGNATURE = b"\x55\xaa"
PROTECTIVE = 0xEE
EXTENDED = frozenset({0x05, 0x0F, 0x85})  # DOS, Windows 95 and Linux
MOST_LOGICAL = 252  # /dev/sda5 to /dev/sda256: Linux shows no more (DISK_MAX_PARTS)
SECTOR = 512


class Slot(NamedTuple):
    """One of the four entries of a boot record; places and lengths in sectors."""

    number: int  # 1 to 4
    active: bool
    type: int
    start: int
    length: int


def read_disk(disk: DiskFile, device: str, sector: int = 0) -> Disk:
    """Read the partition table of a disk. Without one, ``table`` is empty.

    A disk that is as a whole a member of an array has none: what looks like it is the array's.

    :param sector: bytes of a sector, if that is known: only a GPT tells by itself.
    :raises UsageError: the table is one of other sectors.
    """
    found = _read_table(disk, device, sector)
    if found.partitions and _is_of_array(disk, found):
        return Disk(device, disk.size, sector or SECTOR)
    return found


def _is_of_array(disk: DiskFile, found: Disk) -> bool:
    from imgtools.volumes.md_superblock import read_whole_member  # late: few disks have partitions of md

    spans = ((one.start, one.start + one.size) for one in found.partitions)
    return read_whole_member(disk, spans) is not None


def _read_table(disk: DiskFile, device: str, sector: int) -> Disk:
    raw = disk.read_at(0, SECTOR)
    slots = parse_slots(raw)
    unit = sector or SECTOR
    if slots is None:
        return Disk(device, disk.size, unit, foreign_table=_foreign_table(disk))
    if any(slot.type == PROTECTIVE for slot in slots):
        found = read_gpt(disk, device)
        if found is not None:
            if sector not in (0, found.sector_size):
                raise UsageError(
                    f"{device} has a partition table in sectors of {found.sector_size} bytes, not {sector}",
                    hint="leave --blocksize away: a GPT tells it by itself",
                )
            return found
        return Disk(
            device,
            disk.size,
            unit,
            problems=("it says that it has a GPT, and neither copy of the table is intact",),
        )
    if not slots and (foreign := _foreign_table(disk)):  # a bootable one has the signature of an MBR
        return Disk(device, disk.size, unit, foreign_table=foreign)
    if not slots and is_boot_sector(raw):
        return Disk(device, disk.size, unit)
    return _read_mbr(disk, device, raw, slots, unit)


def _foreign_table(disk: DiskFile) -> str:
    from imgtools.volumes.foreign_tables import foreign_table  # late: hardly a disk has one

    return foreign_table(disk)


def parse_slots(raw: bytes) -> list[Slot] | None:
    """The used entries of a boot record; None if it is none, or belongs to a filesystem."""
    if len(raw) < SECTOR or raw[510:512] != SIGNATURE:
        return None
    slots = []
    for index in range(1, 5):
        flag, kind, start, length = struct.unpack_from("<B3xB3xII", raw, 430 + 16 * index)
        if flag not in (0, 0x80):
            return None
        if length:
            slots.append(Slot(index, flag == 0x80, kind, start, length))
    return None if slots and is_boot_sector(raw) else slots


def is_boot_sector(raw: bytes) -> bool:
    """Whether the first sector is that of a FAT, exFAT or NTFS, which ends with the same signature."""
    if raw[3:11] in (b"NTFS    ", b"EXFAT   "):
        return True
    jump = raw[0] in (0xEB, 0xE9)
    if not jump or raw[21] not in (0xF0, *range(0xF8, 0x100)):
        return False
    from imgtools.volumes.fat_boot_sector import parse_boot_sector  # late: few are as near to it

    return not isinstance(parse_boot_sector(raw), str)


def _read_mbr(disk: DiskFile, device: str, raw: bytes, slots: list[Slot], unit: int) -> Disk:
    table_id = f"{int.from_bytes(raw[440:444], 'little'):08x}"
    partitions: list[Partition] = []
    problems: list[str] = []
    for slot in slots:
        kind = "extended" if slot.type in EXTENDED else "primary"
        partitions.append(_partition(device, table_id, slot.number, slot, 0, kind, unit))
    number = 5
    for extended in (slot for slot in slots if slot.type in EXTENDED):
        for base, slot in _walk_logical(disk, extended, problems, unit):
            partitions.append(_partition(device, table_id, number, slot, base, "logical", unit))
            number += 1
    problems += beyond_end(partitions, disk.size)
    return Disk(device, disk.size, unit, "dos", table_id, tuple(partitions), tuple(problems))


def _partition(
    device: str, table_id: str, number: int, slot: Slot, base: int, kind: str, unit: int
) -> Partition:
    return Partition(
        device=partition_device(device, number),
        number=number,
        start=(base + slot.start) * unit,
        size=slot.length * unit,
        type=f"{slot.type:#04x}",
        kind=kind,
        id=f"{table_id}-{number:02x}",
        flags=("boot",) if slot.active else (),
    )


def _walk_logical(
    disk: DiskFile, extended: Slot, problems: list[str], unit: int
) -> Iterator[tuple[int, Slot]]:
    """Yield the logical partitions with the sector that their start counts from (parse_extended of Linux)."""
    place, seen = extended.start, set[int]()
    end = extended.start + extended.length
    while True:
        if place in seen or len(seen) >= MOST_LOGICAL:
            problems.append(f"the chain of logical partitions is a loop or longer than {MOST_LOGICAL}")
            return
        seen.add(place)
        raw = disk.read_at(place * unit, SECTOR)
        if len(raw) < SECTOR or raw[510:512] != SIGNATURE:
            problems.append(
                f"no boot record at sector {place}, where one of the logical partitions should be"
            )
            return
        following = None
        for slot in parse_extended_slots(raw):
            if slot.type in EXTENDED:
                following = following or slot
            elif slot.number <= 2 or place + slot.start + slot.length <= end:
                yield place, slot
        if following is None:
            return
        place = extended.start + following.start


def parse_extended_slots(raw: bytes) -> list[Slot]:
    """The used entries of a boot record inside an extended partition, whose flags say nothing."""
    fields = ((index, struct.unpack_from("<B3xB3xII", raw, 430 + 16 * index)) for index in range(1, 5))
    return [
        Slot(index, flag == 0x80, kind, start, size) for index, (flag, kind, start, size) in fields if size
    ]


def beyond_end(partitions: list[Partition], size: int) -> list[str]:
    """A problem for every partition that the disk is too small for."""
    return [
        f"{partition.device} ends at byte {partition.start + partition.size}, the disk at {size}"
        for partition in partitions
        if partition.start + partition.size > size
    ]
