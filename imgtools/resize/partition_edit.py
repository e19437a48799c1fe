"""Partitions that come, go, and get other facts: pure functions from one table to another.

Sizes and places that come in are bytes; a new partition begins on a multiple of the alignment, 1 MiB unless somebody
says otherwise. No function returns partitions that overlap or lie outside of the disk.
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from imgtools.errors import NoRoomInside, UsageError
from imgtools.resize.partition_types import EXTENDED_TYPES, parse_type
from imgtools.resize.partitioning import (
    ALIGNMENT,
    Entry,
    PartitionTable,
    expand,
    find_entry,
    last_usable,
    room_behind,
)
from imgtools.units import parse_size

REST = "rest"  # all that is free
SECTOR = 512
NAME_UNITS = 36  # of UTF-16 in a GPT entry (UEFI 2.10, table 5-6)
# The attributes by the words that partitions are listed with, and by sfdisk's.
ATTRIBUTES = {
    "required": "RequiredPartition",
    "no-block-io": "NoBlockIOProtocol",
    "legacy-boot": "LegacyBIOSBootable",
}
NONE = "none"  # no attribute at all


@dataclass(frozen=True, slots=True)
class NewPartition:
    """What a new partition shall be. Of None, what suits the table."""

    size: str = REST  # 1G, +1G, or all of the largest gap
    start: str | None = None
    type: str = "linux"  # a name, a GUID, or an MBR's byte
    name: str | None = None
    uuid: str | None = None
    attributes: tuple[str, ...] = ()
    bootable: bool = False
    number: int | None = None
    logical: bool = False
    alignment: int = ALIGNMENT


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a partition shall be another; None: as it is."""

    size: str | None = None  # +1G, 20G, rest
    type: str | None = None
    name: str | None = None
    uuid: str | None = None
    attributes: tuple[str, ...] | None = None
    bootable: bool | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether nothing shall change."""
        return self == Facts()


@dataclass(frozen=True, slots=True)
class Gap:
    """Free room on the disk, in sectors. ``logical``: it is in the extended partition."""

    start: int
    end: int
    logical: bool = False


def new_table(label: str, disk_size: int, sector_size: int = SECTOR) -> PartitionTable:
    """Return a table without partitions, with an identity of its own.

    :param label: ``gpt`` or ``dos``.
    :raises NoRoomInside: the disk is too small for it.
    """
    entries = 128 * 128 // sector_size  # sectors that the entries of a GPT take
    first = 2 + entries if label == "gpt" else 1
    identity = str(uuid.uuid4()).upper() if label == "gpt" else f"0x{secrets.randbits(32) or 1:08x}"
    table = PartitionTable(label, identity, sector_size, first, 0, ())
    table = replace(table, last=last_usable(table, disk_size))
    if table.last < table.first:
        raise NoRoomInside(f"a disk of {disk_size} bytes has no room for a partition table")
    return table


# -- gaps ---------------------------------------------------------------------------------------------------


def gaps(table: PartitionTable) -> tuple[Gap, ...]:
    """Return what no partition has, in the order of the disk; also what an extended partition has left."""
    outer = [entry for entry in table.entries if not table.is_logical(entry)]
    found = _between(table.first, table.last + 1, outer, logical=False)
    container = table.extended
    if container is not None:
        inner = [entry for entry in table.entries if table.is_logical(entry)]
        found += _between(container.start, container.end, inner, logical=True)
    return tuple(sorted(found, key=lambda gap: gap.start))


def _between(first: int, end: int, entries: Sequence[Entry], *, logical: bool) -> list[Gap]:
    found, at = [], first
    for entry in sorted(entries, key=lambda entry: entry.start):
        # The sector in front of a logical partition describes it.
        found.append(Gap(at, entry.start - 1 if logical else entry.start, logical))
        at = max(at, entry.end)
    found.append(Gap(at, end, logical))
    return [gap for gap in found if gap.end > gap.start]


# -- a new one ----------------------------------------------------------------------------------------------


def added(table: PartitionTable, wanted: NewPartition) -> tuple[PartitionTable, Entry]:
    """Return the table with one partition more, and that partition.

    :raises UsageError: a word that says nothing, or that such a table does not have.
    :raises NoRoomInside: there is no room for it, or no number.
    """
    kind = parse_type(wanted.type, table.label)
    if wanted.logical and (table.label != "dos" or table.extended is None):
        raise UsageError(
            "there is no extended partition for a logical one",
            hint="imgtools partition add --type extended makes one in an MBR",
        )
    logical = _is_logical(table, wanted, kind)
    start, size = _place(table, wanted, logical=logical)
    number = _number(table, wanted.number, logical=logical)
    if kind in EXTENDED_TYPES and table.label == "dos" and (logical or table.extended is not None):
        raise UsageError("an MBR has one extended partition, and it is a primary one")
    entry = Entry(number, start, size, kind, str(uuid.uuid4()).upper() if table.label == "gpt" else "")
    facts = Facts(
        name=wanted.name or None,
        uuid=wanted.uuid,
        attributes=wanted.attributes or None,
        bootable=wanted.bootable or None,
    )
    entry = _with_facts(table, entry, facts)
    return replace(table, entries=(*table.entries, entry)), entry


def _is_logical(table: PartitionTable, wanted: NewPartition, kind: str) -> bool:
    """A partition is primary as long as one may be; logical where somebody says so, or four are there already."""
    if table.label != "dos":
        return False
    if wanted.number is not None:
        return wanted.number > 4
    full = sum(not table.is_logical(entry) for entry in table.entries) >= 4
    return wanted.logical or (full and table.extended is not None and kind not in EXTENDED_TYPES)


def _number(table: PartitionTable, number: int | None, *, logical: bool) -> int:
    taken = {entry.number for entry in table.entries}
    most = 4 if table.label == "dos" else table.slots
    if logical:
        following = max((one for one in taken if one > 4), default=4) + 1
        if number not in (None, following):
            raise UsageError(
                f"logical partitions are numbered as they follow each other: the next is {following}"
            )
        return following
    if number is not None and number in taken:
        raise UsageError(f"there is a partition {number} already", hint="choose another number, or none")
    if number is not None and not 1 <= number <= most:
        raise UsageError(f"not a number for a partition of this table: {number}", hint=f"1 to {most}")
    free = [one for one in range(1, most + 1) if one not in taken]
    if not free:
        raise NoRoomInside(
            f"the table has no entry left, all {most} are used",
            hint="an MBR holds more in an extended partition: remove one, then --type extended"
            if table.label == "dos"
            else "remove one",
        )
    return number or free[0]


def _place(table: PartitionTable, wanted: NewPartition, *, logical: bool) -> tuple[int, int]:
    """Return start and size in sectors."""
    size = _sectors(table, wanted.size)
    rooms = [one for one in gaps(table) if one.logical == logical]
    if wanted.start is not None:
        return _place_at(table, rooms, parse_size(wanted.start), size, wanted.size)
    fitting = [_aligned(table, gap, wanted.alignment) for gap in rooms]
    fitting = [gap for gap in fitting if gap.end > gap.start]
    largest = max(fitting, key=lambda gap: gap.end - gap.start, default=None)
    if largest is None:
        raise NoRoomInside(
            f"the {_whole(logical)} has no free room", hint="imgtools resize makes a disk larger"
        )
    if size is None:
        end = _down(table, largest.end, wanted.alignment)
        end = end if end > largest.start else largest.end
        return largest.start, end - largest.start
    for gap in fitting:
        if gap.end - gap.start >= size:
            return gap.start, size
    unit = table.sector_size
    raise NoRoomInside(
        f"there is no room for {size * unit} bytes in the {_whole(logical)}: the largest gap has "
        f"{(largest.end - largest.start) * unit}, at byte {largest.start * unit}",
        hint="imgtools resize makes a disk larger; --size rest takes the gap",
    )


def _place_at(
    table: PartitionTable, rooms: Sequence[Gap], start: int, size: int | None, text: str
) -> tuple[int, int]:
    unit = table.sector_size
    if start % unit:
        raise UsageError(f"byte {start} is not the start of a sector of {unit} bytes")
    first = start // unit
    gap = next((gap for gap in rooms if gap.start <= first < gap.end), None)
    if gap is None or (gap.logical and first == gap.start):
        raise NoRoomInside(
            f"byte {start} is not free: {_owner(table, first)}", hint=_free_words(table, rooms)
        )
    if size is not None and first + size > gap.end:
        raise NoRoomInside(
            f"{text} from byte {start} on overlap what follows: the gap ends at byte {gap.end * unit}, "
            f"{(gap.end - first) * unit} bytes behind it",
            hint="a smaller --size, or --size rest",
        )
    return first, size if size is not None else gap.end - first


def _owner(table: PartitionTable, sector: int) -> str:
    for entry in sorted(table.entries, key=lambda entry: -entry.start):
        if entry.start <= sector < entry.end:
            unit = table.sector_size
            return f"partition {entry.number} has bytes {entry.start * unit} to {entry.end * unit}"
    return "it is outside of what partitions may use"


def _free_words(table: PartitionTable, rooms: Sequence[Gap]) -> str:
    unit = table.sector_size
    return (
        "; ".join(f"free: bytes {one.start * unit} to {one.end * unit}" for one in rooms) or "nothing is free"
    )


def _whole(logical: bool) -> str:
    return "extended partition" if logical else "disk"


def _aligned(table: PartitionTable, gap: Gap, alignment: int) -> Gap:
    step = max(1, alignment // table.sector_size)
    first = gap.start + 1 if gap.logical else gap.start  # its own description is in front of it
    return replace(gap, start=-(-first // step) * step)


def _down(table: PartitionTable, sector: int, alignment: int) -> int:
    step = max(1, alignment // table.sector_size)
    return sector // step * step


def _sectors(table: PartitionTable, text: str) -> int | None:
    """The sectors of a size; None: all there is."""
    if text.strip().lower() == REST:
        return None
    size = parse_size(text.strip().removeprefix("+"))
    if not size:
        raise UsageError("a partition of 0 bytes is none", hint="--size 1G, or --size rest")
    return -(-size // table.sector_size)


# -- facts --------------------------------------------------------------------------------------------------


def changed(table: PartitionTable, number: int, facts: Facts) -> PartitionTable:
    """Return the table with another size, type, name, GUID or flag of one partition.

    :raises UsageError: there is no such partition, or such a table has no such facts.
    :raises NoRoomInside: there is no room behind it.
    """
    if facts.size is not None:
        table = _resized(table, find_entry(table, number), facts.size)
    entry = _with_facts(table, find_entry(table, number), facts)
    return replace(table, entries=tuple(entry if one.number == number else one for one in table.entries))


def _with_facts(table: PartitionTable, entry: Entry, facts: Facts) -> Entry:
    if facts.type is not None:
        entry = replace(entry, type=_other_type(table, entry, facts.type))
    if table.label == "dos":
        for said, what in ((facts.name, "names"), (facts.uuid, "GUIDs"), (facts.attributes, "attributes")):
            if said is not None:
                raise UsageError(f"an MBR has no {what} of partitions", hint="a GPT has: --table gpt")
        return entry if facts.bootable is None else replace(entry, bootable=facts.bootable)
    if facts.name is not None:
        entry = replace(entry, name=_name(facts.name))
    if facts.uuid is not None:
        entry = replace(entry, uuid=_guid(table, entry, facts.uuid))
    if facts.attributes is not None:
        entry = replace(entry, attributes=_attributes(facts.attributes))
    if facts.bootable is not None:
        words = [one for one in flags_of(entry) if one != "legacy-boot"]
        entry = replace(entry, attributes=_attributes([*words, *(["legacy-boot"] * facts.bootable)]))
    return entry


def _other_type(table: PartitionTable, entry: Entry, text: str) -> str:
    kind = parse_type(text, table.label)
    is_container = table.is_extended(entry)
    if table.label == "dos" and (kind in EXTENDED_TYPES) != is_container:
        raise UsageError(
            f"partition {entry.number} is {'the' if is_container else 'no'} extended one, and stays so",
            hint="remove it, and add one of the other kind",
        )
    return kind


def _name(text: str) -> str:
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if units > NAME_UNITS or not text.isprintable():
        raise UsageError(f"not a name for a partition: {text!r}", hint=f"{NAME_UNITS} characters at most")
    return text


def _guid(table: PartitionTable, entry: Entry, text: str) -> str:
    try:
        found = str(uuid.UUID(text)).upper()
    except ValueError:
        raise UsageError(f"not a GUID: {text!r}", hint="as uuidgen prints one") from None
    for other in table.entries:
        if other.uuid == found and other.number != entry.number:
            raise UsageError(f"partition {other.number} has the GUID {found} already")
    return found


def flags_of(entry: Entry) -> tuple[str, ...]:
    """Return the attributes of a GPT's partition by the words that they are listed with."""
    words = {theirs: ours for ours, theirs in ATTRIBUTES.items()}
    found = [words[one] for one in entry.attributes.split() if one in words]
    bits = re.search(r"GUID:([\d,]+)", entry.attributes)
    return (*found, *(f"guid:{bit}" for bit in (bits[1].split(",") if bits else [])))


def _attributes(words: Sequence[str]) -> str:
    """Return attributes in sfdisk's words, in the order in which it prints them."""
    wanted = [word.strip().lower() for one in words for word in one.split(",") if word.strip()]
    wanted = [] if wanted == [NONE] else wanted
    bits = set()
    for word in wanted:
        number = re.fullmatch(r"guid:(\d+)", word)
        if number and 48 <= int(number[1]) <= 63:
            bits.add(int(number[1]))
        elif word not in ATTRIBUTES:
            raise UsageError(
                f"not an attribute of a partition: {word!r}",
                hint=f"{', '.join(ATTRIBUTES)}, guid:48 to guid:63, or {NONE}",
            )
    found = [theirs for ours, theirs in ATTRIBUTES.items() if ours in wanted]
    return " ".join([*found, *([f"GUID:{','.join(map(str, sorted(bits)))}"] if bits else [])])


def _resized(table: PartitionTable, entry: Entry, text: str) -> PartitionTable:
    """A partition that keeps its start and ends elsewhere; the extended one and what is in it have their places."""
    if text.strip().lower() == REST:
        return expand(table, entry.number)
    unit, old = table.sector_size, entry.size
    size = _sectors(table, text) or 0
    if text.strip().startswith("+"):
        size += old
    if size <= old:
        inner = max((one.end for one in table.entries if table.is_logical(one)), default=0)
        if table.is_extended(entry) and inner > entry.start + size:
            raise UsageError("logical partitions lie behind the new end of the extended one")
        return _sized(table, entry, size)
    room, blocker = room_behind(table, entry.number)
    # A size that somebody says may end between two multiples of the alignment.
    exact = _exact_room(table, entry)
    if size - old > max(exact, room // unit):
        raise NoRoomInside(
            f"partition {entry.number} cannot grow by {(size - old) * unit} bytes: {blocker}, and "
            f"{max(exact * unit, room)} are free in between",
            hint="imgtools resize makes a disk larger; --output there moves partitions",
        )
    return _sized(table, entry, size)


def _exact_room(table: PartitionTable, entry: Entry) -> int:
    logical = table.is_logical(entry)
    behind = [gap for gap in gaps(table) if gap.start == entry.end and gap.logical == logical]
    return behind[0].end - behind[0].start if behind else 0


def _sized(table: PartitionTable, entry: Entry, size: int) -> PartitionTable:
    container = table.extended
    entries = []
    for one in table.entries:
        if one.number == entry.number:
            one = replace(one, size=size)
        elif one == container and table.is_logical(entry) and entry.start + size > one.end:
            one = replace(one, size=entry.start + size - one.start)
        entries.append(one)
    return replace(table, entries=tuple(entries))


# -- one less -----------------------------------------------------------------------------------------------


def removed(table: PartitionTable, number: int) -> tuple[PartitionTable, dict[int, int]]:
    """Return the table without one partition, and which numbers are others now: those of logical ones behind it.

    :raises UsageError: there is none, or it is the extended one and not empty.
    """
    gone = find_entry(table, number)
    inner = [entry.number for entry in table.entries if table.is_logical(entry)]
    if table.is_extended(gone) and inner:
        named = ", ".join(map(str, inner))
        raise UsageError(f"the extended partition {number} holds {named}", hint="remove those first")
    moved: dict[int, int] = {}
    kept = []
    for entry in table.entries:
        if entry.number == number:
            continue
        if table.is_logical(gone) and entry.number > number:
            moved[entry.number] = entry.number - 1
            entry = replace(entry, number=entry.number - 1)
        kept.append(entry)
    return replace(table, entries=tuple(kept)), moved
