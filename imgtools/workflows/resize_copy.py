"""Make a larger or smaller copy of a disk, divided anew: the original is only read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.disk.formats import format_by_name, require_ability
from imgtools.disk.image_file import Conversion, Disk, copy_bytes, create_image, open_disk
from imgtools.disk.new_file import (
    has_room,
    new_file,
    refuse_own_files,
    refuse_target,
    require_room,
    scratch_folder,
)
from imgtools.disk.sources.opening import opened_disk
from imgtools.errors import EngineFailed, UnsupportedFormat, UsageError, WouldLoseData
from imgtools.image.handle import open_request
from imgtools.records.disks import Layout, Volume
from imgtools.records.request import Engine, ImageRequest, Key
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.resize.copy_plan import (
    Fit,
    fits_of,
    group_of,
    growable_numbers,
    may_align_first,
    new_disk_size,
    new_part_size,
    partition_number,
    place_warnings,
    volumes_of,
)
from imgtools.resize.partitioning import PartitionTable, check_table, find_entry
from imgtools.resize.relayout import Move, Relayout, Wishes, relayout
from imgtools.resize.resize_copy import (
    FORMATS,
    copy_disk,
    finish_disk,
    grow_booted,
    grow_contents,
    is_locked,
    least_sizes,
    read_source_table,
    refuse_source,
    shrink_contents,
    target_disk,
)
from imgtools.resize.resize_plan import AFTER_NTFS, IN_APPLIANCE
from imgtools.units import format_size, parse_size
from imgtools.workflows.create import image_options

Progress = Callable[[int, int], None]
ALIGN_FIRST = ("auto", "never", "always")


@dataclass(frozen=True, slots=True)
class ResizeCopyRequest:
    """What is to be copied where, and how the new disk is divided. Partitions are named ``/dev/sda2`` or ``2``."""

    source: ImageRequest
    target: Path
    size: str | None = None  # 20G, +5G, -5G; None: as it was
    format: str | None = None
    expand: str | None = None  # a partition, or "auto"
    shrink: str | None = None
    lv_expand: str | None = None  # a logical volume that gets all the free room of its group
    resize: Sequence[str] = ()  # PART=SIZE; SIZE: 20G, +5G, -5G, 50%, +10%, -10%
    resize_force: Sequence[str] = ()  # the same, whatever is cut off
    delete: Sequence[str] = ()
    ignore: Sequence[str] = ()
    alignment: str = "1M"
    align_first: str = "auto"
    extra: bool = False  # what is left becomes a partition more, if it is worth one
    grow_content: bool = True  # what is in a partition that grows grows with it
    repair_table: bool = False
    write: bool = False
    overwrite: bool = False  # a file that is there


@dataclass(frozen=True, slots=True)
class CopiedPartition:
    """One partition before and after, in bytes; the fields of after are None if it is deleted."""

    device: str
    number: int
    content: str
    start: int
    size: int
    new_number: int | None
    new_start: int | None
    new_size: int | None
    copied: bool


@dataclass(frozen=True, slots=True)
class ResizeCopyReport:
    """The new image, or what it would be."""

    image: str
    target: str
    format: str
    size: int
    new_size: int
    table: str
    partitions: tuple[CopiedPartition, ...]
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    seconds: float = 0.0
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything that is decided before anything is written."""

    disk: Disk
    size: int
    format: str
    relayout: Relayout
    volumes: dict[int, Volume]  # by the number of the partition before
    ignore: frozenset[int]
    shrinks: tuple[Fit, ...]
    grows: tuple[Fit, ...]
    boots: tuple[Fit, ...]  # grow in the appliance
    lv: str | None
    warnings: tuple[Warned, ...]
    keys: tuple[Key, ...] = ()  # of encrypted volumes


def resize_copy(request: ResizeCopyRequest, progress: Progress | None = None) -> ResizeCopyReport:
    """Plan the new disk, and make it if ``request.write`` says so.

    :raises UsageError: a wish names no partition, or cannot be fulfilled.
    :raises WouldLoseData: the partitions, or what they hold, do not fit.
    :raises TargetExists: the file is there already, and ``request.overwrite`` is not said.
    :raises NoRoom: the host has no room; no file is left.
    """
    refuse_target(request.target, overwrite=request.overwrite)
    with (
        opened_disk(request.source, digests=request.write) as source,
        scratch_folder(request.target.absolute().parent) as folder,
    ):
        request = replace(request, source=source)
        plan = _plan(request, folder)
        if not request.write:
            return _report(request, plan, 0.0)
        began = time.monotonic()
        _require_room(plan, request.target)
        _make(plan, request, folder, progress)
        return _report(request, plan, round(time.monotonic() - began, 3))


# -- the plan -------------------------------------------------------------------------------------------------


def _plan(request: ResizeCopyRequest, folder: Path) -> _Plan:
    if len(request.source.disks) != 1:
        raise UsageError("one disk at a time is copied", hint="name one image")
    disk = open_disk(request.source)
    refuse_source(disk)
    refuse_own_files([disk.info], request.target)
    format = format_by_name(request.target, request.format)
    require_ability(format, "create")
    if format == "luks":
        raise UnsupportedFormat(
            "a resized copy is not encrypted", hint="imgtools convert --new-key encrypts it"
        )
    with open_request(request.source) as image:
        layout, known, keys = image.layout(), image.warnings, image.keys_of_volumes()
    before = read_source_table(disk, folder, sector_size=layout.disks[0].sector_size)
    check_table(before, repair=request.repair_table)
    volumes = volumes_of(layout, before)
    size = new_disk_size(request.size, disk.info.virtual_size)
    aligns = request.align_first == "auto" and may_align_first(before, volumes)
    _require_format_takes(format, size, folder)
    made = _divided(before, size, _wishes(request, before, layout), aligns=aligns)
    ignore = frozenset(partition_number(before, text) for text in request.ignore)
    _require_one_wish(request, before, ignore)
    forced = {partition_number(before, text.partition("=")[0]) for text in request.resize_force}
    fits, warnings = fits_of(made, volumes, ignore, forced)
    shrinks = tuple(fit for fit in fits if fit.shrinks)
    boots = tuple(fit for fit in fits if fit.volume.content in IN_APPLIANCE)
    grows = tuple(fit for fit in fits if fit not in shrinks and fit not in boots)
    _require_contents_fit(disk, folder, (*shrinks, *grows), before.sector_size)
    boots, more = _boots(request, boots, keys)
    if not request.grow_content:
        grows, boots, more = (), (), []
    ntfs = [fit.volume.device for fit in (*shrinks, *grows) if fit.volume.content == "ntfs"]
    more += [Warned(AFTER_NTFS, device) for device in ntfs]
    told = (*known, *warnings, *more, *place_warnings(made, volumes))
    lv = request.lv_expand
    return _Plan(disk, size, format, made, volumes, ignore, shrinks, grows, boots, lv, told, keys)


def _require_format_takes(format: str, size: int, folder: Path) -> None:
    """Try it with an empty image: each format has a largest disk, which QEMU knows.

    :raises UnsupportedFormat: the new disk is larger.
    """
    trial = folder / "trial"
    try:
        create_image(trial, format, size, image_options(format, [], "", None))
    except EngineFailed as error:
        raise UnsupportedFormat(
            f"{format} holds no disk of {size} bytes: {error.message.rpartition(': ')[2]}",
            hint="a smaller disk, or another format",
        ) from None
    trial.unlink()


def _require_one_wish(request: ResizeCopyRequest, table: PartitionTable, ignore: frozenset[int]) -> None:
    both = sorted(ignore & {partition_number(table, text) for text in request.delete})
    if both:
        raise UsageError(f"partition {both[0]} cannot be deleted and ignored")


def _divided(table: PartitionTable, size: int, wishes: Wishes, *, aligns: bool) -> Relayout:
    """Divide the new disk; the first partition is aligned too where that does no harm, if there is the room for it."""
    if aligns:
        with suppress(WouldLoseData):
            return relayout(table, size, replace(wishes, align_first=True))
    return relayout(table, size, wishes)


def _wishes(request: ResizeCopyRequest, table: PartitionTable, layout: Layout) -> Wishes:
    if request.align_first not in ALIGN_FIRST:
        raise UsageError(f"--align-first {request.align_first}: one of {', '.join(ALIGN_FIRST)}")
    sizes: dict[int, int] = {}
    for text in (*request.resize, *request.resize_force):
        part, equals, wanted = text.partition("=")
        number = partition_number(table, part)
        if not equals or number in sizes:
            raise UsageError(
                f"not a partition and its size: {text}", hint="write /dev/sda2=20G, once for each"
            )
        sizes[number] = new_part_size(wanted, find_entry(table, number).size * table.sector_size)
    return Wishes(
        expand=_expanded(request, table, layout),
        shrink=partition_number(table, request.shrink) if request.shrink else None,
        resize=sizes,
        delete=frozenset(partition_number(table, text) for text in request.delete),
        alignment=parse_size(request.alignment),
        align_first=request.align_first == "always",
        extra=request.extra,
    )


def _expanded(request: ResizeCopyRequest, table: PartitionTable, layout: Layout) -> int | None:
    """Return the partition that gets what is left: the one named, or that of a logical volume that is to grow."""
    if request.expand == "auto":
        numbers = growable_numbers(layout)
        if not numbers:
            raise UsageError(
                "no partition of the disk has a content that can grow", hint="--expand /dev/sda1"
            )
        return max(numbers, key=lambda number: find_entry(table, number).start)
    if request.expand is not None:
        return partition_number(table, request.expand)
    if request.lv_expand is None or request.shrink is not None:
        return None
    group = group_of(layout, request.lv_expand)
    devices = {pv.device for pv in layout.pvs if pv.vg == group}
    found = [one.number for one in layout.disks[0].partitions if one.device in devices]
    return found[-1] if found else None


# -- what the partitions hold -----------------------------------------------------------------------------------


def _boots(
    request: ResizeCopyRequest, fits: Sequence[Fit], keys: Sequence[Key]
) -> tuple[tuple[Fit, ...], list[Warned]]:
    """Return what grows in the appliance; a locked container is left, for it can be opened and grown later.

    :raises EngineFailed: something does, and the appliance is ruled out.
    """
    locked = [fit for fit in fits if is_locked(fit.volume, keys)]
    boots = tuple(fit for fit in fits if fit not in locked)
    if (boots or request.lv_expand) and request.source.engine is Engine.DIRECT:
        what = request.lv_expand or f"{boots[0].volume.content} on {boots[0].volume.device}"
        raise EngineFailed(f"{what} grows in the appliance only", hint="leave --engine direct away")
    return boots, [
        Warned(
            f"{fit.volume.device} is encrypted, and what is in it stays as large as it is: "
            "its key (--key) lets it grow"
        )
        for fit in locked
    ]


def _require_contents_fit(disk: Disk, folder: Path, fits: Sequence[Fit], sector_size: int) -> None:
    """Make sure that the filesystems can be resized, and that what they hold fits into their new sizes.

    :raises UnsupportedFormat: one is none that its program resizes.
    :raises WouldLoseData: it does not.
    """
    least = least_sizes(disk, folder, fits, sector_size) if fits else {}
    for fit in fits:
        if not fit.shrinks:
            continue
        old, new = fit.move.old, fit.move.new
        assert new is not None
        if new.size * sector_size < least[old.number]:
            raise WouldLoseData(
                f"the {fit.volume.content} of partition {old.number} needs {least[old.number]} bytes, "
                f"and would get {new.size * sector_size}",
                hint="remove files in the guest, or make the new disk larger",
            )


# -- doing it ---------------------------------------------------------------------------------------------------


def _require_room(plan: _Plan, target: Path) -> None:
    """Make sure that the data fits; formats that are made of a raw image need it twice.

    :raises NoRoom: it does not.
    """
    folder = target.absolute().parent
    if not has_room(folder, plan.size * 51 // 50 * (1 if plan.format in FORMATS else 2)):
        wanted = plan.disk.measure("qcow2").required
        require_room(folder, wanted * (1 if plan.format in FORMATS else 2), str(target))


def _make(plan: _Plan, request: ResizeCopyRequest, folder: Path, progress: Progress | None) -> None:
    """Write the new image beside its name, then give it its name."""
    sector_size = plan.relayout.table.sector_size
    with (
        new_file(request.target, overwrite=request.overwrite, source=plan.disk.info) as draft,
        ExitStack() as stack,
    ):
        source = stack.enter_context(plan.disk.reading("source"))
        if plan.shrinks:
            source = shrink_contents(plan.disk, folder / "smaller", plan.shrinks, sector_size)
        format = plan.format if plan.format in FORMATS else "raw"
        work = draft.host_path if plan.format in FORMATS else folder / "work.raw"
        copy_disk(source, work, format, plan.size, plan.relayout, ignore=plan.ignore, progress=progress)
        with target_disk(work, format) as stretch:
            finish_disk(stretch(0, plan.size), plan.relayout)
            grow_contents(stretch, plan.grows, sector_size)
        if plan.boots or plan.lv:
            grown = folder / "grown"
            grow_booted(work, format, plan.size, grown, plan.boots, plan.lv, plan.keys, sector_size)
        if work != draft.host_path:
            how = Conversion(plan.format, image_options(plan.format, [], "", None))
            copy_bytes(work, draft.host_path, how, progress=progress)


# -- the report -------------------------------------------------------------------------------------------------


def _report(request: ResizeCopyRequest, plan: _Plan, seconds: float) -> ResizeCopyReport:
    return ResizeCopyReport(
        image=plan.disk.name,
        target=str(request.target),
        format=plan.format,
        size=plan.disk.info.virtual_size,
        new_size=plan.size,
        table=plan.relayout.table.label,
        partitions=tuple(_partition(plan, move) for move in plan.relayout.moves),
        changed=True,
        changes=tuple(_steps(request, plan)),
        written=request.write,
        seconds=seconds,
        warnings=plan.warnings,
    )


def _partition(plan: _Plan, move: Move) -> CopiedPartition:
    old, new, unit = move.old, move.new, plan.relayout.table.sector_size
    volume = plan.volumes.get(old.number)
    return CopiedPartition(
        device=volume.device if volume is not None else f"/dev/sda{old.number}",
        number=old.number,
        content=volume.content if volume is not None else "",
        start=old.start * unit,
        size=old.size * unit,
        new_number=new.number if new is not None else None,
        new_start=new.start * unit if new is not None else None,
        new_size=new.size * unit if new is not None else None,
        copied=new is not None and old.number not in plan.ignore,
    )


def _steps(request: ResizeCopyRequest, plan: _Plan) -> list[DiskStep]:
    """Say what is done, in order."""
    unit = plan.relayout.table.sector_size
    words = f"make {request.target} ({plan.format}) of {format_size(plan.size)} ({plan.size} bytes)"
    said = [DiskStep("make-image", words, str(request.target), plan.format, size=plan.size)]
    for fit in plan.shrinks:
        assert fit.move.new is not None
        content, device, size = fit.volume.content, fit.volume.device, fit.move.new.size * unit
        words = f"make the {content} on {device} smaller, to {format_size(size)}"
        said.append(DiskStep("shrink-content", words, device, content, size=size))
    for move in plan.relayout.moves:
        said.append(_step(plan, move, unit))
    placed = {move.new for move in plan.relayout.moves}
    for entry in (one for one in plan.relayout.table.entries if one not in placed):
        words = f"make partition {entry.number}, {format_size(entry.size * unit)}, of what is left"
        start, size = entry.start * unit, entry.size * unit
        said.append(DiskStep("make-partition", words, start=start, size=size, number=entry.number))
    for fit in (*plan.grows, *plan.boots):
        content, device = fit.volume.content, fit.volume.device
        words = f"grow the {content} on {device} into its partition"
        said.append(DiskStep("grow-content", words, device, content))
    if plan.lv is not None:
        words = f"extend {plan.lv} by all that is free in its group, and grow what it holds"
        said.append(DiskStep("extend-logical-volume", words, plan.lv))
    return said


def _step(plan: _Plan, move: Move, unit: int) -> DiskStep:
    old, new = move.old, move.new
    if new is None:
        return DiskStep("leave-out-partition", f"leave partition {old.number} out", number=old.number)
    word = "make" if old.number in plan.ignore or plan.relayout.table.is_extended(new) else "copy"
    name = f"{old.number}" if new.number == old.number else f"{old.number} as {new.number}"
    size = format_size(old.size * unit)
    if new.size != old.size:
        size += f" -> {format_size(new.size * unit)}"
    place = f"at byte {new.start * unit}"
    return DiskStep(
        f"{word}-partition",
        f"{word} partition {name}, {size}, {place}{' (moved)' if move.has_moved else ''}",
        number=old.number,
        new_number=new.number,
        start=new.start * unit,
        size=new.size * unit,
        old_size=old.size * unit,
    )
