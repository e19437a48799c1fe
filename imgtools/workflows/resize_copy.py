"""Make a larger or smaller copy of a disk, divided anew: the original is only read."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from imgtools.errors import UnsupportedFormat, UsageError, WouldLoseData
from imgtools.image.disk import Conversion, Disk, copy_bytes, open_disk
from imgtools.image.formats import format_by_name, require_ability
from imgtools.image.handle import open_request
from imgtools.image.new_file import has_room, new_file, refuse_target, require_room, scratch_folder
from imgtools.image.partitioning import PartitionTable, check_table, find_entry
from imgtools.image.relayout import Move, Relayout, Wishes, relayout
from imgtools.image.resize_copy import (
    FORMATS,
    SIZEABLE,
    Fit,
    copy_disk,
    finish_disk,
    grow_contents,
    least_sizes,
    read_source_table,
    refuse_source,
    shrink_contents,
    target_disk,
)
from imgtools.records import ImageRequest, Layout, Volume, Warned
from imgtools.units import format_size, parse_size
from imgtools.workflows.create import image_options

Progress = Callable[[int, int], None]
# These grow with their own programs in the guest or in an appliance only; the copy leaves them as they are.
LATER = frozenset({"xfs", "btrfs", "LVM2_member", "crypto_LUKS", "f2fs"})
ALIGN_FIRST = ("auto", "never", "always")


@dataclass(frozen=True, slots=True)
class ResizeCopyRequest:
    """What is to be copied where, and how the new disk is divided. Partitions are named ``/dev/sda2`` or ``2``."""

    source: ImageRequest
    target: Path
    size: str | None = None  # 20G, +5G, -5G; None: as it was
    format: str | None = None
    expand: str | None = None
    shrink: str | None = None
    resize: Sequence[str] = ()  # PART=SIZE; SIZE: 20G, +5G, -5G, 50%, +10%, -10%
    resize_force: Sequence[str] = ()  # the same, whatever is cut off
    delete: Sequence[str] = ()
    ignore: Sequence[str] = ()
    alignment: str = "1M"
    align_first: str = "auto"
    repair_table: bool = False
    write: bool = False


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
    plan: tuple[str, ...]
    written: bool
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
    warnings: tuple[Warned, ...]


def resize_copy(request: ResizeCopyRequest, progress: Progress | None = None) -> ResizeCopyReport:
    """Plan the new disk, and make it if ``request.write`` says so.

    :raises UsageError: a wish names no partition, or cannot be fulfilled.
    :raises WouldLoseData: the partitions, or what they hold, do not fit.
    :raises TargetExists: the file is there already.
    :raises NoRoom: the host has no room; no file is left.
    """
    refuse_target(request.target, force=False)
    with scratch_folder(request.target.absolute().parent) as folder:
        plan = _plan(request, folder)
        if not request.write:
            return _report(request, plan, 0.0)
        began = time.monotonic()
        _require_room(plan, request.target)
        _make(plan, request.target, folder, progress)
        return _report(request, plan, round(time.monotonic() - began, 3))


# -- the plan -------------------------------------------------------------------------------------------------


def _plan(request: ResizeCopyRequest, folder: Path) -> _Plan:
    if len(request.source.disks) != 1:
        raise UsageError("one disk at a time is copied", hint="name one image")
    disk = open_disk(request.source)
    refuse_source(disk)
    format = format_by_name(request.target, request.format)
    require_ability(format, "create")
    if format == "luks":
        raise UnsupportedFormat(
            "a resized copy is not encrypted", hint="imgtools convert --secret encrypts it"
        )
    with open_request(request.source) as image:
        layout = image.layout()
    before = read_source_table(disk, folder, sector_size=layout.disks[0].sector_size)
    check_table(before, repair=request.repair_table)
    volumes = _volumes(layout, before)
    size = _new_size(request.size, disk.info.virtual_size)
    made = relayout(before, size, _wishes(request, before))
    ignore = frozenset(_number(before, text) for text in request.ignore)
    forced = {_number(before, text.partition("=")[0]) for text in request.resize_force}
    shrinks, grows, warnings = _fits(made, volumes, ignore, forced)
    _require_contents_fit(disk, folder, shrinks, before.sector_size)
    warnings += _place_warnings(made, volumes)
    return _Plan(disk, size, format, made, volumes, ignore, shrinks, grows, (*disk.warnings, *warnings))


def _volumes(layout: Layout, table: PartitionTable) -> dict[int, Volume]:
    """Return what each partition holds, by its number."""
    devices = {partition.device: partition.number for partition in layout.disks[0].partitions}
    found = {devices[volume.device]: volume for volume in layout.volumes if volume.device in devices}
    return {number: volume for number, volume in found.items() if table.entry(number) is not None}


def _wishes(request: ResizeCopyRequest, table: PartitionTable) -> Wishes:
    if request.align_first not in ALIGN_FIRST:
        raise UsageError(f"--align-first {request.align_first}: one of {', '.join(ALIGN_FIRST)}")
    sizes: dict[int, int] = {}
    for text in (*request.resize, *request.resize_force):
        part, equals, wanted = text.partition("=")
        number = _number(table, part)
        if not equals or number in sizes:
            raise UsageError(
                f"not a partition and its size: {text}", hint="write /dev/sda2=20G, once for each"
            )
        sizes[number] = _part_size(wanted, find_entry(table, number).size * table.sector_size)
    return Wishes(
        expand=_number(table, request.expand) if request.expand else None,
        shrink=_number(table, request.shrink) if request.shrink else None,
        resize=sizes,
        delete=frozenset(_number(table, text) for text in request.delete),
        alignment=parse_size(request.alignment),
        align_first=request.align_first == "always",
    )


def _number(table: PartitionTable, text: str) -> int:
    """Return the number of a partition that is named ``/dev/sda2``, ``sda2`` or ``2``.

    :raises UsageError: it is no such name, or there is no such partition.
    """
    found = re.fullmatch(r"(?:/dev/)?(?:[hsv]da)?(\d{1,4})", text)
    if found is None:
        raise UsageError(f"not a partition: {text}", hint="write /dev/sda2")
    find_entry(table, int(found[1]))
    return int(found[1])


def _new_size(text: str | None, old: int) -> int:
    """Return the new disk's bytes: a size, or what is added or taken away."""
    if text is None:
        return old
    size = _changed(text, old)
    if size <= 0 or size % 512:
        raise UsageError(f"not a size for a disk: {text}", hint="write 20G, +5G or -5G")
    return size


def _part_size(text: str, old: int) -> int:
    """Return a partition's new bytes: a size, what is added or taken away, or percents of the old one."""
    percent = re.fullmatch(r"([+-]?)(\d+(?:\.\d+)?)%", text)
    if percent is None:
        return _changed(text, old)
    change = int(old * float(percent[2]) / 100)
    return {"": change, "+": old + change, "-": old - change}[percent[1]]


def _changed(text: str, old: int) -> int:
    if text[:1] in ("+", "-"):
        change = parse_size(text[1:])
        return old + change if text[0] == "+" else old - change
    return parse_size(text)


# -- what the partitions hold -----------------------------------------------------------------------------------


def _fits(
    made: Relayout, volumes: dict[int, Volume], ignore: frozenset[int], forced: set[int]
) -> tuple[tuple[Fit, ...], tuple[Fit, ...], list[Warned]]:
    """Return which filesystems shrink before the copy, which grow after it, and what stays as it is."""
    shrinks, grows, warnings = [], [], []
    for move in made.moves:
        old, new = move.old, move.new
        if new is None or new.size == old.size or old.number in ignore or made.table.is_extended(new):
            continue
        volume = volumes.get(old.number)
        if volume is None or volume.content not in SIZEABLE:
            content = volume.content if volume is not None else ""
            warnings += _unfit(old.number, content, grows=new.size > old.size, forced=old.number in forced)
        elif new.size < old.size:
            shrinks.append(Fit(move, volume, shrinks=True))
        else:
            grows.append(Fit(move, volume, shrinks=False))
    return tuple(shrinks), tuple(grows), warnings


def _unfit(number: int, content: str, *, grows: bool, forced: bool) -> list[Warned]:
    """Say what happens to a content that is not resized.

    :raises WouldLoseData: its end would be cut off.
    """
    name = content or "something unknown"
    if grows:
        how = "grow it with imgtools resize --expand" if content in LATER else "it stays as large as it is"
        return [Warned(f"partition {number} holds {name}, which does not grow with the copy: {how}")] * bool(
            content
        )
    if not forced:
        raise WouldLoseData(
            f"partition {number} holds {name}, which cannot be made smaller here",
            hint=f"--resize-force {number}=SIZE cuts off its end",
        )
    return [Warned(f"the end of partition {number} ({name}) is cut off")]


def _require_contents_fit(disk: Disk, folder: Path, shrinks: Sequence[Fit], sector_size: int) -> None:
    """Make sure that what the filesystems hold fits into their new sizes.

    :raises WouldLoseData: it does not.
    """
    least = least_sizes(disk, folder, shrinks, sector_size) if shrinks else {}
    for fit in shrinks:
        old, new = fit.move.old, fit.move.new
        assert new is not None
        if new.size * sector_size < least[old.number]:
            raise WouldLoseData(
                f"the {fit.volume.content} of partition {old.number} needs {least[old.number]} bytes, "
                f"and would get {new.size * sector_size}",
                hint="remove files in the guest, or make the new disk larger",
            )


def _place_warnings(made: Relayout, volumes: dict[int, Volume]) -> list[Warned]:
    """Warn of what no copy can put right."""
    warnings = []
    for move in made.moves:
        volume = volumes.get(move.old.number)
        if move.has_moved and made.table.label == "dos" and volume is not None and volume.content == "ntfs":
            warnings.append(
                Warned(
                    f"partition {move.old.number} (NTFS) moves: if Windows boots from it, its boot configuration "
                    "names the old place, and Windows' own startup repair has to mend it"
                )
            )
        if move.new is not None and move.new.number != move.old.number:
            warnings.append(
                Warned(
                    f"logical partition {move.old.number} becomes {move.new.number}: an MBR numbers them without "
                    "gaps, so see to /etc/fstab and the boot loader where they name it"
                )
            )
    return warnings


# -- doing it ---------------------------------------------------------------------------------------------------


def _require_room(plan: _Plan, target: Path) -> None:
    """Make sure that the data fits; formats that are made of a raw image need it twice.

    :raises NoRoom: it does not.
    """
    folder = target.absolute().parent
    if not has_room(folder, plan.size * 51 // 50 * (1 if plan.format in FORMATS else 2)):
        wanted = plan.disk.measure("qcow2").required
        require_room(folder, wanted * (1 if plan.format in FORMATS else 2), str(target))


def _make(plan: _Plan, target: Path, folder: Path, progress: Progress | None) -> None:
    """Write the new image beside its name, then give it its name."""
    sector_size = plan.relayout.table.sector_size
    with new_file(target) as draft, ExitStack() as stack:
        source = stack.enter_context(plan.disk.reading("source"))
        if plan.shrinks:
            source = shrink_contents(plan.disk, folder / "smaller", plan.shrinks, sector_size)
        format = plan.format if plan.format in FORMATS else "raw"
        work = draft.host_path if plan.format in FORMATS else folder / "work.raw"
        copy_disk(source, work, format, plan.size, plan.relayout, ignore=plan.ignore, progress=progress)
        with target_disk(work, format) as stretch:
            finish_disk(stretch(0, plan.size), plan.relayout)
            grow_contents(stretch, plan.grows, sector_size)
        if work != draft.host_path:
            how = Conversion(plan.format, image_options(plan.format, [], "", None))
            copy_bytes(work, draft.host_path, how, progress=progress)


# -- the report -------------------------------------------------------------------------------------------------


def _report(request: ResizeCopyRequest, plan: _Plan, seconds: float) -> ResizeCopyReport:
    return ResizeCopyReport(
        image=str(plan.disk.host_path),
        target=str(request.target),
        format=plan.format,
        size=plan.disk.info.virtual_size,
        new_size=plan.size,
        table=plan.relayout.table.label,
        partitions=tuple(_partition(plan, move) for move in plan.relayout.moves),
        plan=tuple(_sentences(request, plan)),
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


def _sentences(request: ResizeCopyRequest, plan: _Plan) -> list[str]:
    """Say what is done, in order."""
    unit = plan.relayout.table.sector_size
    said = [f"make {request.target} ({plan.format}) of {format_size(plan.size)} ({plan.size} bytes)"]
    for fit in plan.shrinks:
        assert fit.move.new is not None
        said.append(
            f"make the {fit.volume.content} on {fit.volume.device} smaller, to {format_size(fit.move.new.size * unit)}"
        )
    for move in plan.relayout.moves:
        said.append(_sentence(plan, move, unit))
    said += [f"grow the {fit.volume.content} on {fit.volume.device} into its partition" for fit in plan.grows]
    return said


def _sentence(plan: _Plan, move: Move, unit: int) -> str:
    old, new = move.old, move.new
    if new is None:
        return f"leave partition {old.number} out"
    word = "make" if old.number in plan.ignore or plan.relayout.table.is_extended(new) else "copy"
    name = f"{old.number}" if new.number == old.number else f"{old.number} as {new.number}"
    size = format_size(old.size * unit)
    if new.size != old.size:
        size += f" -> {format_size(new.size * unit)}"
    place = f"at byte {new.start * unit}"
    return f"{word} partition {name}, {size}, {place}{' (moved)' if move.has_moved else ''}"
