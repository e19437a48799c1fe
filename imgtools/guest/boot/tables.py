"""What is wrong with a disk's partition table, as the guest's kernel and its boot loader take it.

Sources: UEFI Specification 2.10, chapter 5; block/partitions/efi.c of Linux, which reads a GPT only behind an MBR that
announces one, and its second copy only if it is told to (``gpt`` among the kernel's arguments).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from imgtools.records.disks import DeviceBytes, Disk, Partition
from imgtools.volumes.gpt import Header, read_header
from imgtools.volumes.partitions import PROTECTIVE, parse_slots

SECTOR = 512
MIB = 1 << 20
# Where partitions begin: at 1 MiB since about 2009, before that behind the first track of 63 sectors.
STARTS = (MIB, 63 * SECTOR)
# What a volume begins with: offset, bytes, and what it is.
BEGINNINGS = (
    (1080, b"\x53\xef", "an ext filesystem"),
    (0, b"XFSB", "XFS"),
    (65600, b"_BHRfS_M", "btrfs"),
    (512, b"LABELONE", "LVM"),
    (0, b"LUKS\xba\xbe", "LUKS"),
    (3, b"NTFS    ", "NTFS"),
    (82, b"FAT32", "FAT"),
    (54, b"FAT16", "FAT"),
)


@dataclass(frozen=True, slots=True)
class TableFault:
    """One thing that is wrong: ``kind`` is the id of the finding, ``text`` what is there."""

    kind: str
    text: str


def table_faults(file: DeviceBytes | None, disk: Disk, *, is_volume: bool = False) -> Iterator[TableFault]:
    """Yield what is wrong with a table. Without the disk's bytes, what its reader has noticed.

    :param is_volume: the disk as a whole holds something, and needs no table.
    """
    if file is not None:
        slots = parse_slots(file.read_at(0, SECTOR))
        announced = any(slot.type == PROTECTIVE for slot in slots or ())
        yield from _gpt(file, disk, announced, len(slots or ()))
        if not (disk.table or announced or is_volume or disk.foreign_table):
            yield from _lost(file, disk)
    yield from _chain(disk)
    yield from _places(disk)


def _gpt(file: DeviceBytes, disk: Disk, announced: bool, slots: int) -> Iterator[TableFault]:
    sector = _sector_size(file)
    last = file.size // sector - 1
    primary = read_header(file, sector, 1)
    if not announced:
        if primary is not None and not slots:
            yield TableFault(
                "gpt-not-announced", f"{disk.device} has a GPT, and its first sector says nothing of it"
            )
        return
    if slots > 1:
        yield TableFault(
            "gpt-hybrid", f"the first sector of {disk.device} names {slots - 1} partitions beside its GPT"
        )
    if primary is not None:
        yield from _backup(file, disk, primary, last)
        return
    backup = read_header(file, sector, last)
    text = (
        "the one at the end is whole" if backup else "so is the one at the end of the disk, or there is none"
    )
    kind = "gpt-primary-damaged" if backup else "gpt-damaged"
    yield TableFault(kind, f"the GPT at the beginning of {disk.device} is damaged; {text}")


def _sector_size(file: DeviceBytes) -> int:
    """512, but for a disk whose GPT lies where one of 4096 has it."""
    there = [size for size in (512, 4096) if read_header(file, size, 1)]
    ends = [size for size in (512, 4096) if read_header(file, size, file.size // size - 1)]
    return (there or ends or [512])[0]


def _backup(file: DeviceBytes, disk: Disk, primary: Header, last: int) -> Iterator[TableFault]:
    if primary.other > last:
        text = f"the backup GPT is said to be at sector {primary.other}, and {disk.device} ends at {last}"
        yield TableFault("gpt-backup-misplaced", text)
        return
    backup = read_header(file, primary.sector, primary.other)
    if backup is None:
        yield TableFault("gpt-backup-damaged", f"the backup GPT of {disk.device} is damaged or missing")
    elif backup.entries != primary.entries:
        yield TableFault("gpt-backup-damaged", f"the two copies of the GPT of {disk.device} differ")
    elif primary.other != last:
        text = f"the backup GPT is at sector {primary.other}, not at the end of {disk.device} ({last}): it has grown"
        yield TableFault("gpt-backup-misplaced", text)


def _lost(file: DeviceBytes, disk: Disk) -> Iterator[TableFault]:
    """A disk without a table whose first partition is still there."""
    for start in STARTS:
        for at, magic, what in BEGINNINGS:
            if file.read_at(start + at, len(magic)) == magic:
                text = f"{disk.device} has no partition table, but {what} at byte {start}, where a first partition is"
                yield TableFault("partition-table-missing", text)
                return


def _chain(disk: Disk) -> Iterator[TableFault]:
    for problem in disk.problems:
        if problem.startswith(("the chain of logical", "no boot record")):
            yield TableFault("logical-partitions-damaged", f"{disk.device}: {problem}")


def _places(disk: Disk) -> Iterator[TableFault]:
    for one in disk.partitions:
        if one.start + one.size > disk.size:
            end = one.start + one.size
            yield TableFault(
                "partition-beyond-disk", f"{one.device} ends at byte {end}, {disk.device} at {disk.size}"
            )
    parts = sorted((one for one in disk.partitions if one.kind != "extended"), key=lambda one: one.start)
    for first, second in pairwise(parts):
        if first.start + first.size > second.start:
            yield TableFault(
                "partitions-overlap",
                f"{first.device} and {second.device} share {_shared(first, second)} bytes",
            )


def _shared(first: Partition, second: Partition) -> int:
    return min(first.start + first.size, second.start + second.size) - second.start
