"""The first sector of a disk: whose boot code it has, and which partition is marked to be started.

Sources: grub-core/boot/i386/pc/boot.S and util/setup.c of GRUB 2.12; the generic boot codes of Windows and syslinux.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from imgtools.change.change import WriteDisk
from imgtools.errors import UnsupportedGuest
from imgtools.guest.boot.grub_code import boot_code_for, grub_second_part
from imgtools.guest.guest import Guest
from imgtools.records.disks import Disk, Partition
from imgtools.volumes.boot_code import CODE, read_boot_sector
from imgtools.volumes.partitions import SECTOR, SIGNATURE, parse_slots
from imgtools.volumes.volume_file import DiskFile


def mend_first_sectors(guest: Guest, active: str = "") -> Iterator[WriteDisk]:
    """Yield the first sectors that are to be written.

    :param active: the partition that is to have the mark; "": the only one that can, if none has it.

    :raises UnsupportedGuest: there is no such primary partition.
    """
    disks = guest.layout.disks if guest.layout else ()
    known = [one for disk in disks if disk.table == "dos" for one in disk.partitions if one.kind == "primary"]
    if active and active not in [one.device for one in known]:
        raise UnsupportedGuest(f"there is no primary partition {active} in an MBR")
    for disk in disks:
        file = guest.open_device(disk.device)
        head = file.read_at(0, SECTOR) if file is not None else b""
        if file is None or len(head) < SECTOR:
            continue
        made, what = head, "the mark of the active partition"
        if head[510:512] != SIGNATURE:
            made, what = _with_signature(head, file.size), "the signature of the first sector"
        elif parse_slots(head) is not None:
            made = _with_mark(_with_code(guest, disk, file, head), disk, file, active)
            what = "the boot code" if made[:CODE] != head[:CODE] else what
        if made != head:
            yield WriteDisk(disk.device, 0, made, hashlib.sha256(head).hexdigest(), what)


def _with_signature(head: bytes, size: int) -> bytes:
    """The sector with the two bytes at its end, if boot code and a table that fits the disk are before them."""
    made = head[:510] + SIGNATURE
    slots = parse_slots(made)
    fits = all((one.start + one.length) * SECTOR <= size and one.start for one in slots or ())
    return made if slots and fits and any(head[:CODE]) else head


def _with_code(guest: Guest, disk: Disk, file: DiskFile, head: bytes) -> bytes:
    """The sector with GRUB's code, if it has none at all and the second part is there."""
    if any(head[:CODE]):
        return head
    sector = grub_second_part(guest.files, disk, file)
    code = boot_code_for(guest.files, sector) if sector else b""
    return code[:CODE] + head[CODE:] if code else head


def _with_mark(head: bytes, disk: Disk, file: DiskFile, wanted: str) -> bytes:
    if disk.table != "dos":
        return head
    primary = [one for one in disk.partitions if one.kind == "primary"]
    chosen = next((one for one in primary if one.device == wanted), None)
    if not wanted:
        if not read_boot_sector(head).needs_active or any("boot" in one.flags for one in disk.partitions):
            return head
        can_start = [one for one in primary if _starts(file, one)]
        chosen = can_start[0] if len(can_start) == 1 else None
    return head if chosen is None else _marked(head, chosen.number)


def _starts(file: DiskFile, partition: Partition) -> bool:
    """Whether a partition begins with a boot sector: a jump, and the signature at its end."""
    raw = file.read_at(partition.start, SECTOR)
    return len(raw) == SECTOR and raw[0] in (0xEB, 0xE9, 0xFA) and raw[510:512] == SIGNATURE


def _marked(head: bytes, number: int) -> bytes:
    made = bytearray(head)
    for index in range(4):
        made[446 + 16 * index] = 0x80 if index + 1 == number else 0
    return bytes(made)
