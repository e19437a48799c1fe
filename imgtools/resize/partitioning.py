"""Where partitions may grow, shrink and move: pure functions from one partition table to another.

Numbers, GUIDs, names and attributes never change here; only places and sizes do. Sizes that come in and go out are
bytes, and what is placed anew is placed on multiples of 1 MiB, as all partitioning programs do. No function returns a
table with partitions that overlap or lie outside of the disk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import pairwise

from imgtools.engine.sfdisk import (
    ENTRY_BYTES,
    MOST_SECTORS_MBR,
    Entry,
    HybridSlot,
    PartitionTable,
    read_table,
    write_table,
)
from imgtools.errors import BadImage, UsageError, WouldLoseData

__all__ = [
    "ALIGNMENT",
    "Entry",
    "HybridSlot",
    "PartitionTable",
    "check_table",
    "expand",
    "expand_auto",
    "grown",
    "moved",
    "read_table",
    "room_behind",
    "shrink",
    "smallest_disk",
    "write_table",
]

ALIGNMENT = 1 << 20


# -- the whole table ----------------------------------------------------------------------------------------


def check_table(table: PartitionTable, *, repair: bool = False) -> None:
    """Make sure that a table can be worked on.

    :param repair: a damaged copy of a GPT is no obstacle: writing makes it anew from the sound one.
    :raises BadImage: partitions overlap or lie outside of the disk, logical ones outside of the extended one, or a
        copy of the GPT is damaged.
    """
    if table.problems and not repair:
        raise BadImage(
            f"the partition table is damaged: {table.problems[0]}",
            hint="imgtools filesystems shows what is left; sgdisk --load-backup or fdisk repairs a GPT",
        )
    outer = [entry for entry in table.entries if not table.is_logical(entry)]
    inner = [entry for entry in table.entries if table.is_logical(entry)]
    for group in (outer, inner):
        for left, right in pairwise(sorted(group, key=lambda entry: entry.start)):
            if left.end > right.start:
                raise BadImage(f"the partitions {left.number} and {right.number} overlap")
    for entry in outer:
        if entry.start < table.first or entry.end > table.last + 1:
            raise BadImage(f"partition {entry.number} lies outside of the disk's usable sectors")
    for entry in inner:
        container = table.extended
        # A sector before each logical partition describes it.
        if container is None or entry.start <= container.start or entry.end > container.end:
            raise BadImage(f"the logical partition {entry.number} lies outside of the extended one")


def last_usable(table: PartitionTable, disk_size: int) -> int:
    """Return the last sector that a partition may use on a disk of ``disk_size`` bytes."""
    sectors = disk_size // table.sector_size
    if table.label == "dos":
        return min(sectors, MOST_SECTORS_MBR) - 1
    return sectors - 2 - _backup_sectors(table)


def _backup_sectors(table: PartitionTable) -> int:
    """The sectors of the entries of the backup GPT; its header takes one more."""
    return -(-table.slots * ENTRY_BYTES // table.sector_size)


def grown(table: PartitionTable, disk_size: int) -> PartitionTable:
    """Return the table for a disk of another size, larger or smaller; no partition changes.

    :raises WouldLoseData: a partition would lie outside of the disk.
    """
    new = replace(table, last=last_usable(table, disk_size))
    for entry in sorted(new.entries, key=lambda entry: entry.end):
        if entry.end > new.last + 1:
            raise WouldLoseData(
                f"partition {entry.number} ends at byte {entry.end * table.sector_size}, and a disk of {disk_size} "
                f"bytes has room up to byte {(new.last + 1) * table.sector_size}",
                hint=f"shrink the partition first; with it as it is, {smallest_disk(table)} bytes are needed",
            )
    return new


def smallest_disk(table: PartitionTable) -> int:
    """Return the least bytes of a disk that has room for all partitions as they are, in whole MiB."""
    end = max((entry.end for entry in table.entries), default=table.first)
    behind = _backup_sectors(table) + 1 if table.label == "gpt" else 0
    return -(-(end + behind) * table.sector_size // ALIGNMENT) * ALIGNMENT


# -- one partition ------------------------------------------------------------------------------------------


def find_entry(table: PartitionTable, number: int) -> Entry:
    """Return the partition with a number.

    :raises UsageError: there is none.
    """
    entry = table.entry(number)
    if entry is None:
        numbers = ", ".join(str(one.number) for one in table.entries) or "none"
        raise UsageError(f"there is no partition {number}", hint=f"the disk has these: {numbers}")
    return entry


def room_behind(table: PartitionTable, number: int) -> tuple[int, str]:
    """Return how many bytes a partition could grow in place, and what ends the room, in words.

    For a logical partition, that counts what the extended one could grow before it.
    """
    entry = find_entry(table, number)
    limit, blocker = _limit(table, entry)
    end = _down(limit, table)
    return max(0, end - entry.end) * table.sector_size, blocker


def expand(table: PartitionTable, number: int, disk_size: int | None = None) -> PartitionTable:
    """Let a partition grow into all the free room behind it; a logical one takes the extended one along.

    :param disk_size: the disk's new size, if it changes too.
    :raises UsageError: there is no such partition, or no room behind it; what is there is named.
    """
    if disk_size is not None:
        table = grown(table, disk_size)
    entry = find_entry(table, number)
    limit, blocker = _limit(table, entry)
    end = _down(limit, table)
    if end <= entry.end:
        raise UsageError(
            f"partition {number} cannot grow: {blocker}",
            hint="grow the disk, or make a new image with the partitions moved: --output",
        )
    return _with_end(table, entry, end)


def expand_auto(
    table: PartitionTable, growable: Collection[int], disk_size: int | None = None
) -> tuple[int, PartitionTable]:
    """Let the last partition on the disk whose content can grow do so; return its number and the new table.

    The last on the disk is not the one with the highest number: cloud images have their root as number 1, behind
    14 and 15.

    :param growable: the numbers of the partitions whose content can grow.
    :raises UsageError: there is none, or no room behind it, or less than behind what lies in its way.
    """
    candidates = [entry for entry in table.entries if entry.number in growable]
    candidates = [entry for entry in candidates if not table.is_extended(entry)]
    if not candidates:
        raise UsageError(
            "no partition of the disk has a content that can grow", hint="name one: --expand /dev/sda1"
        )
    number = max(candidates, key=lambda entry: entry.start).number
    new = expand(table, number, disk_size)
    _refuse_gap(table, new, number)
    return number, new


def _refuse_gap(table: PartitionTable, new: PartitionTable, number: int) -> None:
    """Nobody who lets imgtools choose means a gap in front of another partition, with the new room behind that."""
    gained = (find_entry(new, number).size - find_entry(table, number).size) * table.sector_size
    end = max(entry.end for entry in new.entries)
    unused = max(0, _down(new.last + 1, new) - end) * new.sector_size
    if unused > gained:
        following = min((one for one in new.entries if one.start >= find_entry(new, number).end), key=_start)
        raise UsageError(
            f"partition {number} would grow by {gained} bytes only: partition {following.number} lies behind it, "
            f"and {unused} bytes would stay unused behind that",
            hint="make a new image with the partitions moved: --output; the gap alone is taken by naming the partition",
        )


def _start(entry: Entry) -> int:
    return entry.start


def shrink(table: PartitionTable, number: int, size: int) -> PartitionTable:
    """Make a partition end earlier; its content has to be smaller already.

    :param size: bytes that it has to keep; it keeps up to 1 MiB more, to end on a multiple of that.
    :raises UsageError: there is no such partition, or it is not larger than that.
    :raises WouldLoseData: it is the extended one, and logical ones lie behind its new end.
    """
    entry = find_entry(table, number)
    end = _up(entry.start + -(-size // table.sector_size), table)
    if size <= 0 or end > entry.end:
        raise UsageError(
            f"partition {number} has {entry.size * table.sector_size} bytes, it cannot shrink to {size}"
        )
    if table.is_extended(entry):
        for logical in table.entries:
            if table.is_logical(logical) and logical.end > end:
                raise WouldLoseData(
                    f"the logical partition {logical.number} lies behind the new end of the extended one",
                    hint="shrink or delete the logical one first",
                )
    return _replaced(table, replace(entry, size=end - entry.start))


def moved(table: PartitionTable, number: int, start: int) -> PartitionTable:
    """Put a partition elsewhere; ``start`` is a byte.

    :raises UsageError: another partition is there, or it is no place on the disk.
    """
    entry = find_entry(table, number)
    if start % table.sector_size:
        raise UsageError(f"byte {start} is not the start of a sector of {table.sector_size} bytes")
    new = _replaced(table, replace(entry, start=start // table.sector_size))
    try:
        check_table(replace(new, problems=()))
    except BadImage as error:
        raise UsageError(f"partition {number} does not fit at byte {start}: {error.message}") from None
    return new


def _limit(table: PartitionTable, entry: Entry) -> tuple[int, str]:
    """Return the sector up to which a partition may reach, and what is there, in words."""
    following = [other for other in _siblings(table, entry) if other.start >= entry.end and other != entry]
    if following:
        nearest = min(following, key=lambda other: other.start)
        # The boot record that describes a logical partition lies in a sector before it.
        limit = nearest.start - 1 if table.is_logical(nearest) else nearest.start
        return (
            limit,
            f"partition {nearest.number} lies behind it, at byte {nearest.start * table.sector_size}",
        )
    container = table.extended
    if table.is_logical(entry) and container is not None:
        limit, blocker = _limit(table, container)
        return max(limit, container.end), blocker
    if table.label == "dos" and table.last == MOST_SECTORS_MBR - 1:
        return table.last + 1, "an MBR names no sector beyond 2 TiB"
    return table.last + 1, "the disk ends behind it"


def _siblings(table: PartitionTable, entry: Entry) -> Iterator[Entry]:
    """The partitions of the same level: the logical ones, or all others."""
    logical = table.is_logical(entry)
    return (other for other in table.entries if table.is_logical(other) == logical)


def _with_end(table: PartitionTable, entry: Entry, end: int) -> PartitionTable:
    container = table.extended
    if table.is_logical(entry) and container is not None and end > container.end:
        table = _replaced(table, replace(container, size=end - container.start))
    return _replaced(table, replace(entry, size=end - entry.start))


def _replaced(table: PartitionTable, entry: Entry) -> PartitionTable:
    entries = tuple(entry if other.number == entry.number else other for other in table.entries)
    return replace(table, entries=entries)


def _down(sector: int, table: PartitionTable, alignment: int = ALIGNMENT) -> int:
    step = max(1, alignment // table.sector_size)
    return sector // step * step


def _up(sector: int, table: PartitionTable, alignment: int = ALIGNMENT) -> int:
    step = max(1, alignment // table.sector_size)
    return -(-sector // step) * step
