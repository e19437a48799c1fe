"""The partition table of one disk: its partitions, what they hold, and what is free between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from imgtools.errors import UsageError
from imgtools.image.handle import open_request
from imgtools.records.disks import Disk, Layout
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned
from imgtools.resize.partition_edit import Gap, gaps, new_table
from imgtools.resize.partition_types import type_name
from imgtools.resize.partitioning import Entry

LEAST_GAP = 1 << 20  # bytes; with less nothing begins that is aligned


@dataclass(frozen=True, slots=True)
class PartitionEntry:
    """One partition, in bytes, with what it holds."""

    device: str
    number: int
    start: int
    size: int
    type: str  # GPT: a GUID; MBR: 0x83
    type_name: str  # as sfdisk and parted call it; empty: it has no name here
    kind: str  # primary, extended, logical
    name: str
    id: str
    flags: tuple[str, ...]
    content: str
    label: str


@dataclass(frozen=True, slots=True)
class FreeRoom:
    """A stretch of the disk that no partition has, in bytes; ``logical``: it is in the extended partition."""

    start: int
    size: int
    logical: bool


@dataclass(frozen=True, slots=True)
class PartitionsReport:
    """The partition table of a disk, and what is free."""

    image: str
    engine: Engine
    size: int
    sector_size: int
    table: str  # gpt, dos, or nothing
    table_id: str
    partitions: tuple[PartitionEntry, ...]
    free: tuple[FreeRoom, ...]
    problems: tuple[str, ...]
    warnings: tuple[Warned, ...] = ()


def list_partitions(request: ImageRequest) -> PartitionsReport:
    """List the partitions of one disk, and what is free between them.

    :raises UsageError: several disks.
    """
    with open_request(request) as image:
        layout = image.layout()
        disk = only_disk(layout)
        room = [
            FreeRoom(one.start * disk.sector_size, (one.end - one.start) * disk.sector_size, one.logical)
            for one in _gaps_of(disk)
        ]
        return PartitionsReport(
            image=request.name,
            engine=image.served_by,
            size=disk.size,
            sector_size=disk.sector_size,
            table=disk.table,
            table_id=disk.table_id,
            partitions=entries_of(layout, disk),
            free=tuple(one for one in room if one.size >= LEAST_GAP),
            problems=disk.problems,
            warnings=(*image.warnings, *(Warned(text, disk.device) for text in disk.problems)),
        )


def only_disk(layout: Layout) -> Disk:
    """Return the disk that is divided.

    :raises UsageError: there are several.
    """
    if len(layout.disks) != 1:
        raise UsageError(
            "one disk at a time is divided", hint="name one image, or with -d one disk: --disk vda"
        )
    return layout.disks[0]


def entries_of(layout: Layout, disk: Disk) -> tuple[PartitionEntry, ...]:
    """Return the partitions of a disk, with what they hold."""
    volumes = {one.device: one for one in layout.volumes}
    found = []
    for one in disk.partitions:
        volume = volumes.get(one.device)
        found.append(
            PartitionEntry(
                device=one.device,
                number=one.number,
                start=one.start,
                size=one.size,
                type=one.type,
                type_name=type_name(one.type, disk.table),
                kind=one.kind,
                name=one.name,
                id=one.id,
                flags=one.flags,
                content=volume.content if volume is not None else "",
                label=volume.label if volume is not None else "",
            )
        )
    return tuple(found)


def _gaps_of(disk: Disk) -> tuple[Gap, ...]:
    if not disk.table:
        return ()
    unit = disk.sector_size
    table = new_table(disk.table, disk.size, unit)
    entries = [
        Entry(one.number, one.start // unit, one.size // unit, one.type.removeprefix("0x").lstrip("0"))
        for one in disk.partitions
    ]
    return gaps(replace(table, entries=tuple(entries)))
