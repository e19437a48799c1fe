"""Partitions of one disk: add one, remove one, give one other facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imgtools.errors import BadImage, RolledBack, UsageError, WouldLoseData
from imgtools.image.below import Below, clear_volume, open_below
from imgtools.image.handle import Image
from imgtools.image.held import (
    held_by,
    losses,
    partition_device,
    partitions_called,
    require_named,
    volume_of,
)
from imgtools.records.disks import Disk, Layout
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.resize.partition_edit import (
    Facts,
    NewPartition,
    added,
    changed,
    flags_of,
    new_table,
    removed,
)
from imgtools.resize.partition_types import type_name
from imgtools.resize.partitioning import (
    ALIGNMENT,
    Entry,
    PartitionTable,
    check_table,
    grown,
    read_table,
    write_table,
)
from imgtools.units import format_both, parse_size
from imgtools.workflows.partition_table import PartitionEntry, entries_of, only_disk

__all__ = ["Facts", "NewPartition"]

TABLES = {"gpt": "gpt", "mbr": "dos", "dos": "dos"}
TABLE_WORDS = {"gpt": "GPT", "dos": "MBR"}


@dataclass(frozen=True, slots=True)
class PartitionReport:
    """What was done, or would be. ``partitions`` are those of the table that it leads to."""

    image: str
    engine: Engine
    table: str
    device: str  # the partition that is meant; empty: the table
    partitions: tuple[PartitionEntry, ...]
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    output: str = ""  # the new image, if one was made
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class _Change:
    """A table that shall become another, and what there is to say of that."""

    table: PartitionTable
    steps: tuple[DiskStep, ...]
    number: int = 0  # of the partition that is meant
    warnings: tuple[Warned, ...] = ()


# A function from a disk and its table, None if it has none, to the change.
Plan = Callable[[Below, Disk, PartitionTable | None], _Change]


def alignment_of(text: str | None) -> int:
    """Return the bytes of which partitions begin on multiples.

    :raises UsageError: it is no power of two from 512 bytes on.
    """
    if text is None:
        return ALIGNMENT
    size = parse_size(text)
    if size < 512 or size & (size - 1):
        raise UsageError(f"not an alignment: {text}", hint="a power of two from 512 on: 4K, 1M")
    return size


def add_partition(
    request: ImageRequest,
    wanted: NewPartition,
    target: Target,
    *,
    table: str | None = None,
    holds: Sequence[str] = (),
    progress: Progress | None = None,
) -> PartitionReport:
    """Make a partition in free room; on a disk without a table, a table before.

    :param table: gpt or mbr: the table of a disk that has none. None: a GPT.
    :param holds: what a disk without a table holds that may be destroyed.
    :raises NoRoomInside: there is no room for it, or no entry in the table.
    :raises WouldLoseData: the disk has no table, but something else.
    :raises UsageError: the words do not fit, or not to the table.
    """
    if table is not None and table not in TABLES:
        raise UsageError(f"not a kind of partition table: {table}", hint="gpt or mbr")

    def plan(below: Below, disk: Disk, old: PartitionTable | None) -> _Change:
        steps: list[DiskStep] = []
        if old is None:
            held = held_by(below.layout, disk.device, below.image)
            require_named(held, holds, action="a partition table")
            label = TABLES[table or "gpt"]
            old = new_table(label, disk.size, disk.sector_size)
            steps += losses(held)
            words = f"make {'a GPT' if label == 'gpt' else 'an MBR'} on {disk.device}"
            steps.append(DiskStep("make-table", words, disk.device, label))
        elif holds:
            raise UsageError(
                f"{disk.device} has a partition table, and nothing is destroyed by a partition more",
                hint="leave --holds away",
            )
        elif table is not None and TABLES[table] != old.label:
            raise UsageError(
                f"{disk.device} has {'a GPT' if old.label == 'gpt' else 'an MBR'} already",
                hint="leave --table away; imgtools create makes a new disk",
            )
        new, entry = added(old, wanted)
        unit = new.sector_size
        device = partition_device(disk.device, entry.number)
        words = (
            f"make partition {entry.number}, {format_both(entry.size * unit)} from byte {entry.start * unit} on, "
            f"type {type_name(entry.type, new.label) or entry.type}"
        )
        step = DiskStep(
            "make-partition", words, device, entry.name, size=entry.size * unit, start=entry.start * unit,
            number=entry.number,
        )  # fmt: skip
        warnings = []
        if entry.start * unit % (64 << 10):
            warnings.append(
                Warned("it does not begin on a multiple of 64 KiB: large sectors are slow", device)
            )
        return _Change(new, (*steps, step), entry.number, tuple(warnings))

    return _carry_out(request, target, plan, progress)


def remove_partition(
    request: ImageRequest,
    name: str,
    target: Target,
    *,
    holds: Sequence[str] = (),
    progress: Progress | None = None,
) -> PartitionReport:
    """Remove a partition; what it holds is lost, and has to be named.

    :param name: its device or number.
    :param holds: what it holds: the filesystem's type, label or UUID, or the name of the group that it is a part of.
    :raises WouldLoseData: it holds something else, or nothing was named.
    :raises UsageError: there is no such partition; it is the extended one, and not empty.
    """

    def plan(below: Below, disk: Disk, old: PartitionTable | None) -> _Change:
        entry = _find(disk, _table(disk, old), name)
        device = partition_device(disk.device, entry.number)
        held = held_by(below.layout, device, below.image)
        new, moved = removed(_table(disk, old), entry.number)
        require_named(held, holds, action="removing it")
        size = entry.size * new.sector_size
        words = f"remove partition {entry.number}, {format_both(size)}"
        step = DiskStep("remove-partition", words, device, entry.name, old_size=size, number=entry.number)
        warnings = [
            Warned(
                f"becomes {partition_device(disk.device, after)}: logical partitions are numbered as they follow",
                partition_device(disk.device, before),
            )
            for before, after in moved.items()
        ]
        return _Change(new, (*losses(held), step), 0, tuple(warnings))

    return _carry_out(request, target, plan, progress)


def set_partition(
    request: ImageRequest,
    name: str | None,
    facts: Facts,
    target: Target,
    *,
    mend: bool = False,
    progress: Progress | None = None,
) -> PartitionReport:
    """Give a partition another size, type, name, GUID, or flags. What it holds stays as it is.

    :param name: its device or number; None with ``mend``, which only puts the table in order.
    :raises WouldLoseData: it would become smaller, and holds something.
    :raises NoRoomInside: it would become larger than the room behind it.
    :raises UsageError: there is no such partition, or such a table has no such facts.
    """
    if mend == (name is not None):
        what = "--mend is about the whole table" if mend else "which partition?"
        raise UsageError(what, hint="a partition and what shall change, or --mend alone")
    if mend != facts.is_nothing:
        raise UsageError(f"what of {name or 'the table'} shall change?", hint="--type, --name, --size ...")

    def plan(below: Below, disk: Disk, old: PartitionTable | None) -> _Change:
        before = _table(disk, old)
        if name is None:
            return _Change(before, ())
        entry = _find(disk, before, name)
        after = changed(before, entry.number, facts)
        device = partition_device(disk.device, entry.number)
        found = next(one for one in after.entries if one.number == entry.number)
        if found.size < entry.size and (held := held_by(below.layout, device, below.image)):
            raise WouldLoseData(
                f"{device} holds {held[0].text}: a smaller partition would cut it off",
                hint=f"imgtools resize --shrink {device} makes both smaller",
            )
        steps = _steps_between(disk, before, after)
        return _Change(after, steps, entry.number, _after_growth(below.layout, device, entry, found))

    return _carry_out(request, target, plan, progress)


def _after_growth(layout: Layout, device: str, old: Entry, new: Entry) -> tuple[Warned, ...]:
    volume = volume_of(layout, device)
    if new.size <= old.size or volume is None or not volume.content:
        return ()
    return (Warned(f"the {volume.content} in it stays as large as it is: imgtools resize --expand", device),)


# -- carrying out -------------------------------------------------------------------------------------------


def _carry_out(
    request: ImageRequest, target: Target, plan: Plan, progress: Progress | None
) -> PartitionReport:
    """Make the plan, try it on an overlay, have another reader look at it, and keep it where that is wanted."""
    with open_below(request, target) as below:
        disk = only_disk(below.layout)
        with below.parts() as export:
            host_path = export(0, 0, disk.size)
            old = _read(below.image, disk, lambda: read_table(host_path, sector_size=disk.sector_size))
            change = plan(below, disk, _mended(disk, old))
            steps = change.steps + _mending(disk, old)
            if any(one.kind == "lose-content" for one in steps) and old is None:
                clear_volume(host_path)
            if steps:
                write_table(host_path, change.table)
        with below.afterwards() as image:
            layout = image.layout()
            partitions = entries_of(layout, layout.disks[0])
            warnings = (*change.warnings, *_look(layout, change))
        said = (*below.image.warnings, *warnings)
        output = below.commit(progress) if steps or target.output is not None else ""
        return PartitionReport(
            image=request.name,
            engine=Engine.DIRECT,
            table=change.table.label,
            device=partition_device(disk.device, change.number) if change.number else "",
            partitions=partitions,
            written=bool(output) or (target.write and bool(steps)),
            changed=bool(steps),
            changes=steps,
            output=output,
            warnings=said,
        )


def _look(layout: Layout, change: _Change) -> tuple[Warned, ...]:
    """Hold what our own reader finds against what was asked for.

    :raises RolledBack: it is not the same.
    """
    disk, unit = layout.disks[0], change.table.sector_size
    wanted = {(one.number, one.start * unit, one.size * unit) for one in change.table.entries}
    found = {(one.number, one.start, one.size) for one in disk.partitions}
    # What an MBR says of the size of an extended partition is read as it is written; so is all else.
    if wanted != found or disk.problems:
        what = disk.problems[0] if disk.problems else f"it has {sorted(found)}, and not {sorted(wanted)}"
        raise RolledBack(f"the table does not read as it was written: {what}", hint="nothing was written")
    made = next((one for one in change.steps if one.kind == "make-partition"), None)
    volume = volume_of(layout, made.path) if made is not None else None
    if volume is None or not volume.content:
        return ()
    return (
        Warned(
            f"an old {volume.content} of former use shows there; imgtools format makes a new filesystem",
            volume.device,
        ),
    )


def _read(image: Image, disk: Disk, read: Callable[[], PartitionTable]) -> PartitionTable | None:
    """The table of the disk; None if it has none.

    :raises BadImage: it is damaged.
    """
    try:
        table = read()
    except BadImage as error:
        if disk.partitions or disk.table or disk.problems or "has no partition table" not in error.message:
            raise
        return None
    if not disk.table:  # a boot sector of FAT or NTFS, that sfdisk takes for an MBR
        return None
    check_table(table, repair=True)
    return table


def _mended(disk: Disk, old: PartitionTable | None) -> PartitionTable | None:
    """The table for the disk as large as it is now.

    :raises WouldLoseData: a partition lies behind its end.
    """
    return grown(old, disk.size) if old is not None else None


def _mending(disk: Disk, old: PartitionTable | None) -> tuple[DiskStep, ...]:
    if old is None or old.label != "gpt" or not (disk.problems or old.problems):
        return ()
    why = (disk.problems or old.problems)[0]
    return (DiskStep("move-backup-table", f"write both copies of the GPT anew, where they belong: {why}"),)


def _steps_between(disk: Disk, before: PartitionTable, after: PartitionTable) -> tuple[DiskStep, ...]:
    said: list[DiskStep] = []
    unit = before.sector_size
    for old, new in zip(before.entries, after.entries, strict=True):
        device = partition_device(disk.device, new.number)
        if new.size != old.size:
            word = "grow" if new.size > old.size else "shrink"
            sizes = f"from {format_both(old.size * unit)} to {format_both(new.size * unit)}"
            words = f"{word} partition {new.number} {sizes}"
            said.append(
                DiskStep(
                    f"{word}-partition",
                    words,
                    device,
                    size=new.size * unit,
                    old_size=old.size * unit,
                    number=new.number,
                )
            )
        for what, was, becomes in _facts_between(before.label, old, new):
            words = f"set the {what} of partition {new.number} to {becomes or 'none'} (it is {was or 'none'})"
            said.append(DiskStep("set-partition", words, device, what, number=new.number))
    return tuple(said)


def _facts_between(label: str, old: Entry, new: Entry) -> list[tuple[str, str, str]]:
    pairs = [
        ("type", type_name(old.type, label) or old.type, type_name(new.type, label) or new.type),
        ("name", old.name, new.name),
        ("GUID", old.uuid, new.uuid),
        ("attributes", ",".join(flags_of(old)), ",".join(flags_of(new))),
        ("bootable flag", "on" if old.bootable else "off", "on" if new.bootable else "off"),
    ]
    return [(what, was, becomes) for what, was, becomes in pairs if was != becomes]


# -- looking ------------------------------------------------------------------------------------------------


def _table(disk: Disk, table: PartitionTable | None) -> PartitionTable:
    if table is None:
        raise UsageError(
            f"{disk.device} has no partition table", hint="imgtools partition add makes one, with a partition"
        )
    return table


def _find(disk: Disk, table: PartitionTable, name: str) -> Entry:
    """The partition that a person means by a number, a device on any bus, a name or a GUID.

    :raises UsageError: there is none, or several.
    """
    found = {one.number for one in partitions_called(disk, name)}
    if len(found) != 1:
        known = ", ".join(one.device for one in disk.partitions) or "none"
        what = "no partition" if not found else "more than one partition"
        raise UsageError(f"{disk.device} has {what} {name}", hint=f"it has: {known}")
    number = found.pop()
    return next(one for one in table.entries if one.number == number)
