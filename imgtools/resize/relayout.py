"""Lay out the partitions of a disk anew, as for a copy of it: pure functions from one partition table to another.

Unlike in :mod:`imgtools.resize.partitioning`, partitions may move, because their content is copied anyway. Numbers stay
(virt-resize numbers them anew in the order of the disk, which leaves cloud images without a root). Only logical
partitions behind a deleted one get new numbers: an MBR cannot number them otherwise. What need not move does not.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from imgtools.errors import UsageError, WouldLoseData
from imgtools.resize.partition_types import parse_type
from imgtools.resize.partitioning import (
    ALIGNMENT,
    Entry,
    PartitionTable,
    check_table,
    find_entry,
    last_usable,
    smallest_disk,
)
from imgtools.units import rounded_up

LEAST_EXTRA = 10 << 20  # bytes of a partition of what is left, as virt-resize has it
MOST = {"gpt": 128, "dos": 4}  # entries of a table; of an MBR outside of the extended partition


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the new disk is to be divided; partitions are named by their numbers, sizes are bytes."""

    expand: int | None = None  # gets all the room that is left
    shrink: int | None = None  # gives what is missing
    resize: Mapping[int, int] = field(default_factory=dict)
    delete: frozenset[int] = frozenset()
    alignment: int = ALIGNMENT
    align_first: bool = False  # otherwise the first partition begins where it did, for it may have to boot
    extra: bool = False  # what is left becomes a partition more, if it is worth one


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of one partition; ``new`` is None for one that is deleted."""

    old: Entry
    new: Entry | None

    @property
    def has_moved(self) -> bool:
        """Whether the partition begins elsewhere."""
        return self.new is not None and self.new.start != self.old.start


@dataclass(frozen=True, slots=True)
class Relayout:
    """A new table, and where each partition of the old one is in it, in the order of the disk."""

    table: PartitionTable
    moves: tuple[Move, ...]


def relayout(table: PartitionTable, disk_size: int, wishes: Wishes) -> Relayout:
    """Divide a disk of ``disk_size`` bytes anew.

    :raises UsageError: a wish names no partition, or cannot be fulfilled.
    :raises WouldLoseData: the partitions do not fit on the disk.
    """
    check_wishes(table, wishes)
    new = replace(table, last=last_usable(table, disk_size))
    sizes = {number: _sectors(table, size, wishes.alignment) for number, size in wishes.resize.items()}
    entries = _lay_out(new, sizes, wishes)
    absorber = wishes.expand or wishes.shrink
    if absorber is not None:
        sizes[absorber] = _absorbed(new, entries, sizes, wishes, absorber)
        entries = _lay_out(new, sizes, wishes)
    _require_fit(new, entries, disk_size)
    numbers = _renumbered(table, wishes.delete)
    by_number = {entry.number: replace(entry, number=numbers[entry.number]) for entry in entries}
    extra = _extra(new, list(by_number.values()), wishes.alignment) if wishes.extra else []
    order = sorted(table.entries, key=lambda entry: (entry.start, -entry.size))
    made = replace(
        new,
        entries=tuple(sorted([*by_number.values(), *extra], key=lambda entry: entry.number)),
        problems=(),
    )
    check_table(made)
    return Relayout(made, tuple(Move(entry, by_number.get(entry.number)) for entry in order))


def check_wishes(table: PartitionTable, wishes: Wishes) -> None:
    """Make sure that wishes name partitions that are there and do not contradict each other.

    :raises UsageError: they do not.
    """
    if wishes.expand is not None and wishes.shrink is not None:
        raise UsageError("--expand and --shrink do not go together")
    absorber = wishes.expand or wishes.shrink
    sized = {*wishes.resize, *([absorber] if absorber is not None else [])}
    for number in (*sized, *wishes.delete):
        entry = find_entry(table, number)
        if number in wishes.resize.keys() | {wishes.shrink} and table.is_extended(entry):
            raise UsageError(
                f"partition {number} is the extended one, which follows what it holds",
                hint="name a logical partition: 5, 6 ...",
            )
    extended = table.extended
    if extended is not None and extended.number == wishes.expand and extended.number in wishes.delete:
        raise UsageError(f"partition {extended.number} cannot be deleted and resized")
    if absorber is not None and absorber in wishes.resize:
        raise UsageError(f"partition {absorber} cannot have a size and take what is left")
    for number in sized & _deleted(table, wishes):
        raise UsageError(f"partition {number} cannot be deleted and resized")
    if wishes.alignment < table.sector_size or wishes.alignment % table.sector_size:
        raise UsageError(
            f"an alignment of {wishes.alignment} bytes is not a multiple of the sector, {table.sector_size}"
        )


def _sectors(table: PartitionTable, size: int, alignment: int) -> int:
    """Return a wished size in sectors, up to the next multiple of the alignment."""
    if size <= 0:
        raise UsageError(f"not a size for a partition: {size} bytes")
    return rounded_up(-(-size // table.sector_size), max(1, alignment // table.sector_size))


def _absorbed(
    table: PartitionTable, entries: Sequence[Entry], sizes: Mapping[int, int], wishes: Wishes, number: int
) -> int:
    """Return the sectors of the partition that takes or gives what is left."""
    step = max(1, wishes.alignment // table.sector_size)
    entry = next(one for one in entries if one.number == number)
    slack = table.last + 1 - _end(table, entries)
    if wishes.expand is not None and slack < 0:
        raise WouldLoseData(
            f"{-slack * table.sector_size} bytes are missing on the new disk, so partition {number} cannot grow",
            hint="--shrink instead of --expand lets it give them",
        )
    if wishes.shrink is not None and slack >= 0:
        raise UsageError(f"nothing is missing on the new disk, so partition {number} need not shrink")
    end = (entry.end + slack) // step * step
    # Partitions behind it begin on multiples of the alignment, which can cost one step each.
    for _ in range(len(entries) + 1):
        size = end - entry.start
        if size <= 0:
            raise WouldLoseData(f"partition {number} is too small to give what is missing")
        laid = _lay_out(table, {**sizes, number: size}, wishes)
        if _end(table, laid) <= table.last + 1:
            break
        end -= step
    return max(size, entry.size) if wishes.expand is not None else size


def _end(table: PartitionTable, entries: Sequence[Entry]) -> int:
    return max((entry.end for entry in entries), default=table.first)


def _extra(table: PartitionTable, entries: Sequence[Entry], alignment: int) -> list[Entry]:
    """Return a partition of what is behind all others; none if that is little, or the table has no entry for it."""
    step = max(1, alignment // table.sector_size)
    start = rounded_up(_end(table, entries), step)
    size = (table.last + 1 - start) // step * step
    taken = {entry.number for entry in entries}
    number = next((one for one in range(1, MOST[table.label] + 1) if one not in taken), None)
    if number is None or size * table.sector_size < LEAST_EXTRA:
        return []
    if table.label == "gpt":
        return [Entry(number, start, size, parse_type("linux", "gpt"), uuid=str(uuid.uuid4()).upper())]
    return [Entry(number, start, size, parse_type("linux", table.label))]


def _deleted(table: PartitionTable, wishes: Wishes) -> set[int]:
    """The partitions that go: with the extended one, all that are in it."""
    gone = set(wishes.delete)
    if table.extended is not None and table.extended.number in gone:
        gone |= {entry.number for entry in table.entries if table.is_logical(entry)}
    return gone


def _lay_out(table: PartitionTable, sizes: Mapping[int, int], wishes: Wishes) -> list[Entry]:
    """Place all partitions that stay, one behind the other, where they were as long as that goes."""
    step = max(1, wishes.alignment // table.sector_size)
    outer = sorted((e for e in table.entries if not table.is_logical(e)), key=lambda entry: entry.start)
    inner = sorted((e for e in table.entries if table.is_logical(e)), key=lambda entry: entry.start)
    extended = table.extended
    gone = _deleted(table, wishes)
    placed: list[Entry] = []
    cursor, closes = 0, False  # the next free sector; whether room has come free before it
    for index, entry in enumerate(outer):
        if entry.number in gone:
            closes = True
            continue
        start = entry.start
        if not placed:
            start = rounded_up(start, step) if wishes.align_first else start
            start = min(start, outer[0].start) if index and not wishes.align_first else start
        elif closes or start < cursor:
            start = max(rounded_up(cursor, step), 0 if closes else start)
        if extended is not None and entry == extended:
            logical, size = _lay_out_logical(entry, start, inner, sizes, gone, step)
            placed += logical
        else:
            size = sizes.get(entry.number, entry.size)
        placed.append(replace(entry, start=start, size=size))
        cursor = start + size
        closes = closes or size < entry.size
    return placed


def _lay_out_logical(
    extended: Entry,
    place: int,
    inner: Sequence[Entry],
    sizes: Mapping[int, int],
    gone: set[int],
    step: int,
) -> tuple[list[Entry], int]:
    """Place the logical partitions in an extended one that begins at ``place``; also return its size."""
    shift = place - extended.start
    placed: list[Entry] = []
    least = sizes.get(extended.number, 0)  # it has the room itself, and those in it stay
    cursor, closes = place, False  # the sector that describes the first one is the first of all
    for entry in inner:
        if entry.number in gone:
            closes = True
            continue
        start = entry.start + shift
        if closes or start <= cursor:  # the sector before each describes it
            start = max(rounded_up(cursor + 1, step), 0 if closes else start)
        size = sizes.get(entry.number, entry.size)
        placed.append(replace(entry, start=start, size=size))
        cursor = start + size
        closes = closes or size < entry.size
    end = max((entry.end for entry in placed), default=0)
    same = len(placed) == len(inner) and not any(entry.number in sizes for entry in placed)
    if same or not placed:
        return placed, max(extended.size, end - place, least)
    return placed, max(end - place, least)


def _renumbered(table: PartitionTable, deleted: frozenset[int]) -> dict[int, int]:
    """Return the new number of every partition: the old one, but logical ones leave no gap."""
    numbers = {entry.number: entry.number for entry in table.entries}
    logical = sorted(entry.number for entry in table.entries if table.is_logical(entry))
    kept = (number for number in logical if number not in deleted)
    numbers.update({number: 5 + index for index, number in enumerate(kept)})
    return numbers


def _require_fit(table: PartitionTable, entries: Sequence[Entry], disk_size: int) -> None:
    if _end(table, entries) > table.last + 1:
        needed = smallest_disk(replace(table, entries=tuple(entries)))
        raise WouldLoseData(
            f"the partitions need a disk of {needed} bytes, and the new one has {disk_size}",
            hint="shrink one of them: --shrink /dev/sda2, or --resize /dev/sda2=SIZE",
        )
