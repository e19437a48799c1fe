"""Give a disk another size in place, and let a partition and what it holds follow."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from imgtools.change.change import Change
from imgtools.change.describe import PlannedChange
from imgtools.errors import BadImage
from imgtools.image.edit import edit_within
from imgtools.image.handle import open_request
from imgtools.image.key_use import useless_keys
from imgtools.records.disks import Layout, Volume
from imgtools.records.request import Engine, ImageRequest, Key, Target
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.resize.partitioning import PartitionTable
from imgtools.resize.resize import (
    Held,
    Part,
    Workbench,
    carry_out,
    carry_out_booted,
    has_no_table,
    hold_image,
    open_workbench,
    require_fit,
    require_key,
    require_possible,
    room_wanted,
    table_of,
)
from imgtools.resize.resize_plan import AFTER_NTFS, IN_APPLIANCE, ON_HOST, Resizing, Wish, plan_resize
from imgtools.units import format_size, parse_change
from imgtools.workflows.apply import apply_changes
from imgtools.workflows.writing import PlanReport

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ResizeRequest:
    """What is to become of which disk. Partitions are devices, as ``/dev/sda2``."""

    source: ImageRequest
    size: str | None = None  # 20G, +5G, -5G; None: as it is
    expand: str | None = None  # a partition, or "auto"
    shrink: str | None = None
    lv_expand: str | None = None
    write: bool = False
    changes: tuple[Change, ...] = ()  # to files of the guest, made before and in the same transaction
    check: bool = True  # refuse what of them would lock people out of the guest or stop its boot


@dataclass(frozen=True, slots=True)
class ResizedPartition:
    """One partition before and after, in bytes."""

    device: str
    number: int
    content: str
    start: int
    size: int
    new_size: int


@dataclass(frozen=True, slots=True)
class ResizeReport:
    """What was done, or would be. Sizes are those of the virtual disk, in bytes."""

    image: str
    engine: Engine  # who does it: the appliance, if something grows that only a kernel can grow
    format: str
    size: int
    new_size: int
    table: str
    partitions: tuple[ResizedPartition, ...]
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    edits: tuple[PlannedChange, ...] = ()  # of files in the guest, made first
    seconds: float = 0.0
    warnings: tuple[Warned, ...] = ()


def resize(request: ResizeRequest, progress: Progress | None = None) -> ResizeReport:
    """Plan another size, and with ``request.write`` give it to the disk, all or nothing.

    :raises UsageError: a size that is none, a partition that is not there, no room behind it.
    :raises WouldLoseData: what the disk holds does not fit.
    :raises UnsupportedFormat: the image's format, or what has to shrink, cannot.
    :raises NoRoom: the host has no room for the change.
    :raises EditCut: the commit failed half-way; ``imgtools recover`` finishes it.
    """
    began = time.monotonic()
    with hold_image(request.source, write=request.write) as held:
        old_size = held.info.virtual_size
        new_size = parse_change(request.size, old_size) if request.size is not None else old_size
        require_possible(held, new_size)
        with open_request(request.source) as image:
            layout, given = image.layout(), image.keys_of_volumes()
        with open_workbench(held, new_size) as bench:
            edits = _edit(held, bench, request) if request.changes else None
            plan = _work(bench, layout, new_size, request, given)
            if request.write:
                bench.commit()
        seconds = round(time.monotonic() - began, 3) if request.write else 0.0
        keys = tuple(useless_keys([held.info], request.source.keys, layout))
        report = _with_edits(_report(held, layout, plan, request.write, seconds), edits)
        return replace(report, warnings=tuple(dict.fromkeys((*report.warnings, *keys))))


def _edit(held: Held, bench: Workbench, request: ResizeRequest) -> PlanReport:
    """Make the changes to the guest's files on the overlay, before anything else is; or plan them.

    :raises ImgtoolsError: as :func:`imgtools.workflows.apply.apply_changes`.
    """
    target, source = Target(write=request.write, check=request.check), request.source
    if bench.transaction is None:
        with open_request(source) as image:
            return apply_changes(image, source, target, request.changes)
    with edit_within([held.info], bench.transaction, keys=source.keys, engine=source.engine) as edit:
        return apply_changes(edit, source, target, request.changes)


def _work(
    bench: Workbench, layout: Layout, new_size: int, request: ResizeRequest, given: Sequence[Key]
) -> Resizing:
    """Make the plan, and carry it out on the overlay where that is wanted.

    :param given: the keys of encrypted volumes.
    """
    wish = Wish(request.expand, request.shrink, request.lv_expand)
    with bench.parts() as part:
        plan = plan_resize(layout, _table(part, layout), new_size, wish)
        if plan.stretch is not None:
            require_fit(part, plan.stretch)
        if request.write:
            require_key(plan, given)
            bench.require_room(room_wanted(plan))
            carry_out(part, plan)
    if request.write and plan.needs_boot:
        carry_out_booted(bench, plan, given)
    return plan


def _table(part: Part, layout: Layout) -> PartitionTable | None:
    disk = layout.disks[0]
    try:
        return table_of(part, disk.size, disk.sector_size)
    except BadImage as error:
        if disk.partitions or not has_no_table(error):
            raise
        return None


def _with_edits(report: ResizeReport, edits: PlanReport | None) -> ResizeReport:
    if edits is None:
        return report
    return replace(
        report,
        edits=edits.changes,
        changed=report.changed or edits.changed,
        warnings=tuple(dict.fromkeys((*edits.warnings, *report.warnings))),
    )


# -- the report -------------------------------------------------------------------------------------------------


def _report(held: Held, layout: Layout, plan: Resizing, written: bool, seconds: float) -> ResizeReport:
    changes = tuple(_steps(plan))
    return ResizeReport(
        image=held.info.source.name,
        engine=Engine.APPLIANCE if plan.needs_boot else Engine.DIRECT,
        format=held.info.format,
        size=plan.size,
        new_size=plan.new_size,
        table=plan.table.label if plan.table is not None else "",
        partitions=_partitions(layout, plan),
        changed=bool(changes),
        changes=changes,
        written=written,
        seconds=seconds,
        warnings=(*held.info.warnings, *_warnings(layout, plan)),
    )


def _partitions(layout: Layout, plan: Resizing) -> tuple[ResizedPartition, ...]:
    contents = {volume.device: volume.content for volume in layout.volumes}
    unit = layout.disks[0].sector_size
    found = []
    for one in layout.disks[0].partitions:
        entry = plan.new_table.entry(one.number) if plan.new_table is not None else None
        size = entry.size * unit if entry is not None else one.size
        content = contents.get(one.device, "")
        found.append(ResizedPartition(one.device, one.number, content, one.start, one.size, size))
    return tuple(found)


def _steps(plan: Resizing) -> list[DiskStep]:
    """Say what is done, in order."""
    said: list[DiskStep] = []
    stretch = plan.stretch
    disk = f"the disk from {_size(plan.size)} to {_size(plan.new_size)}"
    if plan.new_size > plan.size:
        said.append(DiskStep("grow-disk", f"grow {disk}", size=plan.new_size, old_size=plan.size))
    if stretch is not None and stretch.shrinks:
        content, device = stretch.volume.content, stretch.volume.device
        words = f"shrink the {content} on {device} to {_size(stretch.new_size)}"
        said.append(DiskStep("shrink-content", words, device, content, size=stretch.new_size))
    said += _table_steps(plan)
    if stretch is not None and not stretch.shrinks:
        said += _growth_steps(stretch.volume)
    if plan.lv is not None:
        words = f"extend {plan.lv} by all that is free in its group, and grow what it holds"
        said.append(DiskStep("extend-logical-volume", words, plan.lv))
    if plan.new_size < plan.size:
        said.append(DiskStep("shrink-disk", f"shrink {disk}", size=plan.new_size, old_size=plan.size))
    return said


def _table_steps(plan: Resizing) -> list[DiskStep]:
    if not plan.changes_table or plan.table is None or plan.new_table is None:
        return []
    said: list[DiskStep] = []
    unit = plan.table.sector_size
    for old in plan.table.entries:
        new = plan.new_table.entry(old.number)
        if new is not None and new.size != old.size:
            word = "grow" if new.size > old.size else "shrink"
            words = f"{word} partition {old.number} from {_size(old.size * unit)} to {_size(new.size * unit)}"
            kind, size, old_size = f"{word}-partition", new.size * unit, old.size * unit
            said.append(DiskStep(kind, words, number=old.number, size=size, old_size=old_size))
    if plan.table.label == "gpt":
        said.append(DiskStep("move-backup-table", "put the backup GPT at the disk's new end"))
    return said


def _growth_steps(volume: Volume) -> list[DiskStep]:
    device, content = volume.device, volume.content
    if content == "LVM2_member":
        return [DiskStep("grow-physical-volume", f"grow the physical volume on {device}", device)]
    if content == "crypto_LUKS":
        words = f"open the LUKS container on {device}, and grow what it holds"
        return [DiskStep("open-container", words, device)]
    if content == "swap":
        words = f"make the swap area on {device} anew, with its UUID and label"
        return [DiskStep("make-swap", words, device)]
    if content in ON_HOST | IN_APPLIANCE:
        return [DiskStep("grow-content", f"grow the {content} on {device} into it", device, content)]
    return []


def _warnings(layout: Layout, plan: Resizing) -> list[Warned]:
    stretch = plan.stretch
    if stretch is None:
        if plan.new_size > plan.size and plan.lv is None and layout.volumes:
            return [Warned("no partition grows: the guest sees a larger disk only (--expand auto)")]
        return []
    volume = stretch.volume
    if volume.content not in ON_HOST | IN_APPLIANCE:
        name = volume.content or "something unknown"
        return [Warned(f"{volume.device} holds {name}, which stays as large as it is")]
    if volume.content == "LVM2_member" and plan.lv is None:
        names = ", ".join(lv.device for lv in layout.lvs) or "/dev/VG/LV"
        return [Warned(f"no logical volume grows; --lv-expand gives one the free room: {names}")]
    if volume.content == "ntfs":
        return [Warned(f"{AFTER_NTFS} (--plan does so in the same transaction)", volume.device)]
    return []


def _size(size: int) -> str:
    return f"{format_size(size)} ({size} bytes)"
