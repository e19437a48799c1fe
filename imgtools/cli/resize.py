"""imgtools resize."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import OneDiskSource, Output
from imgtools.cli.command.option_names import old
from imgtools.cli.command.shared_options import Check, DoIt, DryRun
from imgtools.cli.command.typer_adapter import HouseCommand
from imgtools.cli.output.picture import (
    Stretch,
    before_and_after,
    terminal_cells,
    with_gaps,
    without_containers,
)
from imgtools.cli.output.views import Column, Lines, Table, View
from imgtools.errors import UsageError
from imgtools.units import format_size

if TYPE_CHECKING:
    from imgtools.records.request import ImageRequest
    from imgtools.workflows.resize import ResizeReport
    from imgtools.workflows.resize_copy import ResizeCopyReport

SECTION = "Look after images"
EXAMPLES = (
    "imgtools resize disk.qcow2 +10G --expand auto",
    "imgtools resize disk.raw 40G --expand /dev/sda2 --write",
    "imgtools resize disk.qcow2 +10G --lv-expand /dev/vg0/root --write",
    "imgtools resize win.qcow2 +10G --expand auto --plan plan.yaml --write",
    "imgtools resize disk.qcow2 -5G --shrink /dev/sda2 --write",
    "imgtools resize disk.qcow2 +10G --resize /dev/sda1=+1G --expand /dev/sda3 --output new.qcow2",
)
NOTES = """
Partitions keep their numbers, GUIDs, names and flags, and stay where they are. virt-resize numbers them anew in the
order of the disk: a cloud image with its root as partition 1 behind 14 and 15 does not boot afterwards. Here the
partition grows into the room behind it, the backup GPT goes to the disk's new end, and a logical partition takes the
extended one along.

`--expand auto` takes the last partition on the disk whose content can grow; swap and Windows' recovery partition do
not count. If one of them lies behind it, nothing can grow in place: `--output` makes a new disk in which they move. A
gap between the two that is smaller than the room behind both is not taken unless the partition is named.

What follows a partition: ext2, ext3, ext4, NTFS, f2fs and swap (made anew, with its UUID and label) without a boot;
XFS, btrfs, LUKS (with `--key`) and LVM with one boot of the appliance, whatever the size of the disk. Other contents
stay as large as they are, and the plan says so.

In a copy, the extended partition of an MBR can be named too: it has the room itself, and those in it stay. The first
partition stays where it begins, because boot code may know the place. `--align-first auto`, the
default, makes one exception, as virt-resize does: an NTFS alone on an MBR that does not begin on a MiB, as Windows XP
has it, is aligned, and its boot sector put right, if the new disk has the room.

Shrinking takes the filesystem first, then the partition, then the disk. ext and NTFS can shrink; XFS cannot at all.
The plan has asked the filesystem already how small it may become.

On a terminal the plan has a picture: the disk before and after as two bars on one scale, with the numbers of the
partitions; what is blank belongs to none.

Without SIZE the disk stays as large as it is: for one that was grown already, such as a logical volume of the host.

An NTFS waits for chkdsk after a new size, and cannot be written until Windows has booted: `--plan` makes changes to
files (what `imgtools apply` takes) first, in the same transaction.

Everything happens in an overlay beside the image, and counts all at once. After a cut in the middle of that,
`imgtools recover` finishes it. raw and qcow2 can be resized in place; for other formats, and for images with internal
snapshots, there is `--output`. The host needs room for the tables of the filesystem (a 50th of what it grows by), or
for the blocks that move when it shrinks.
"""
COPYING = "A new image"
_NEGATIVE = re.compile(r"-\d+(\.\d+)?[KMGTPE]?(i?B)?", re.IGNORECASE)


class SizedCommand(HouseCommand):
    """A command that takes ``-5G`` for a size, not for options."""

    def arranged(self, words: list[str]) -> list[str]:
        """Return the words with negative sizes behind all options."""
        sizes = [] if "--" in words else [word for word in words if _NEGATIVE.fullmatch(word)]
        return [*(word for word in words if word not in sizes), "--", *sizes] if sizes else words


KIND = SizedCommand


def _copies(*names: str, metavar: str, text: str) -> Any:  # Any: as typer.Option itself
    return typer.Option(*names, metavar=metavar, help=text, rich_help_panel=COPYING)


Size = Annotated[
    str | None,
    typer.Argument(metavar="SIZE", help="20G, +10G or -5G; default: as it is.", show_default=False),
]
Expand = Annotated[
    str | None,
    typer.Option("--expand", metavar="PART|auto", help="This partition gets the free room behind it."),
]
Shrink = Annotated[
    str | None, typer.Option("--shrink", metavar="PART", help="This partition gives what is missing.")
]
LvExpand = Annotated[
    str | None,
    typer.Option("--lv-expand", metavar="/dev/VG/LV", help="This volume gets the free room of its group."),
]
NewImage = Annotated[
    Path | None,
    _copies(*names.NEW_IMAGE.words, metavar="FILE", text="Do it in a new image; this one is only read."),
]
# As it was called once: only with --write too it made the image.
Copy = Annotated[Path | None, typer.Option("--copy", metavar="TARGET", help="See --output.", hidden=True)]
OutputFormat = Annotated[
    str | None,
    _copies(*names.OUTPUT_FORMAT.words, metavar="FORMAT", text="Its format; default: by its name."),
    old("--format-out"),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        *names.OVERWRITE.words,
        help="The new image takes the place of a file that is there.",
        rich_help_panel=COPYING,
    ),
]
Resize = Annotated[
    list[str] | None,
    _copies("--resize", metavar="PART=SIZE", text="This partition's size: 20G, +1G, -1G, +10%; repeat it."),
]
ResizeForce = Annotated[
    list[str] | None,
    _copies("--resize-force", metavar="PART=SIZE", text="The same, whatever is cut off; repeat it."),
]
Delete = Annotated[
    list[str] | None, _copies(*names.DELETE.words, metavar="PART", text="Leave a partition out; repeat it.")
]
Ignore = Annotated[
    list[str] | None, _copies("--ignore", metavar="PART", text="Make it, copy nothing; repeat it.")
]
Alignment = Annotated[
    str | None, _copies("--alignment", metavar="SIZE", text="Where partitions begin; default: 1M.")
]
AlignFirst = Annotated[
    str | None,
    _copies("--align-first", metavar="WHEN", text="Also the first: always, never, or auto; default: auto."),
]


Plan = Annotated[
    Path | None,
    typer.Option(
        "--plan", metavar="FILE", help="Carry this plan out first, as apply does: both, or nothing."
    ),
]


def command(
    source: OneDiskSource,
    out: Output,
    size: Size = None,
    expand: Expand = None,
    shrink: Shrink = None,
    lv_expand: LvExpand = None,
    output: NewImage = None,
    copy: Copy = None,
    output_format: OutputFormat = None,
    overwrite: Overwrite = False,
    resize: Resize = None,
    resize_force: ResizeForce = None,
    delete: Delete = None,
    ignore: Ignore = None,
    alignment: Alignment = None,
    align_first: AlignFirst = None,
    plan: Plan = None,
    check: Check = True,
    write: DoIt = False,
    dry_run: DryRun = False,
) -> None:
    """Give a disk another size, and let its partitions follow.

    In place, as a transaction, or with --output in a new image that is divided anew. Partitions keep their numbers,
    GUIDs and names. Without either, or with -n, the plan is shown, with each partition before and after.
    """
    copied = {
        "resize": resize, "resize_force": resize_force, "delete": delete, "ignore": ignore,
        "alignment": alignment, "align_first": align_first, "format": output_format, "overwrite": overwrite,
    }  # fmt: skip
    given = {name: value for name, value in copied.items() if value}
    _require_one_way(output, copy, write=write, dry_run=dry_run)
    if target := output or copy:
        write = write or (output is not None and not dry_run)
        if plan is not None:
            raise UsageError(
                "--plan and a new size are one change in place only",
                hint="imgtools apply IMAGE PLAN --output EDITED first, then resize that",
            )
        wishes = {"size": size, "expand": expand, "shrink": shrink, "lv_expand": lv_expand, "write": write}
        _copy(out, source, target, {**wishes, **given})
        return
    if given:
        name = next(iter(given)).replace("_", "-").replace("format", "output-format")
        raise UsageError(f"--{name} is for a new image", hint="--output FILE makes one")
    from imgtools.workflows.apply import read_plan
    from imgtools.workflows.resize import ResizeRequest
    from imgtools.workflows.resize import resize as resize_disk

    changes = read_plan(plan) if plan is not None else ()
    with out.progress("Resizing"):
        report = resize_disk(
            ResizeRequest(source, size, expand, shrink, lv_expand, write, changes, check=check)
        )
    out.show(report, schema="imgtools.resize/2", view=lambda: _view(report), pipe=lambda: _pipe(report))
    _tell(out, report)


def _require_one_way(output: Path | None, copy: Path | None, *, write: bool, dry_run: bool) -> None:
    if dry_run and write:
        raise UsageError("--dry-run shows the plan only", hint="leave --write away")
    if output is not None and (write or copy is not None):
        other = "--write" if write else "--copy"
        raise UsageError(f"{other} and --output are two ways to do it", hint="choose one")


def _copy(out: Output, source: ImageRequest, target: Path, wishes: dict[str, Any]) -> None:  # Any: options
    from imgtools.workflows.resize_copy import ResizeCopyRequest, resize_copy

    with out.progress("Copying") as progress:
        report = resize_copy(ResizeCopyRequest(source, target, **wishes), progress)
    out.show(report, schema="imgtools.resize-copy/2", view=lambda: _view(report), pipe=lambda: _pipe(report))
    _tell(out, report)


def _tell(out: Output, report: ResizeReport | ResizeCopyReport) -> None:
    if not report.written:
        out.note("Nothing was changed; --write does it.")


def _view(report: ResizeReport | ResizeCopyReport) -> list[View]:
    """The plan, and below it the disk before and after, as bars and as a table of its partitions."""
    shown: list[View] = [Lines(_summaries(report))]
    if report.partitions:
        before = [_stretch(one.number, one.start, one.size) for one in report.partitions]
        bars = before_and_after(
            _whole(before, report.size), _whole(_parts_after(report), report.new_size), terminal_cells()
        )
        shown.append(Lines(["", *bars]))
        columns = ("Partition", "Content", Column("Start", right=True), Column("Before", right=True))
        rows = [
            (one.device, one.content, str(one.start), format_size(one.size), _after(one.size, one.new_size))
            for one in report.partitions
        ]
        shown.append(Table((*columns, Column("After", right=True)), rows))
    return shown


def _parts_after(report: ResizeReport | ResizeCopyReport) -> list[Stretch]:
    from imgtools.workflows.resize import ResizeReport

    if isinstance(report, ResizeReport):
        return [_stretch(one.number, one.start, one.new_size) for one in report.partitions]
    return [_stretch(one.new_number, one.new_start, one.new_size) for one in report.partitions]


def _stretch(number: int | None, start: int | None, size: int | None) -> Stretch:
    """One partition of a bar; one that is left out has neither place nor size."""
    return Stretch(start or 0, size or 0, str(number), 1.0, str(number))


def _whole(parts: list[Stretch], size: int) -> list[Stretch]:
    return with_gaps(without_containers([one for one in parts if one.size]), size)


def _pipe(report: ResizeReport | ResizeCopyReport) -> Table:
    return Table((Column("step", prose=True),), [(summary,) for summary in _summaries(report)])


def _summaries(report: ResizeReport | ResizeCopyReport) -> list[str]:
    edits = getattr(report, "edits", ())
    return [step.summary for step in (*edits, *report.changes)]


def _after(size: int, new_size: int | None) -> str:
    if new_size is None:
        return "-"
    return "=" if new_size == size else format_size(new_size)
