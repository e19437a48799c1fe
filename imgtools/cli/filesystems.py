"""imgtools filesystems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import EachSource, Output
from imgtools.cli.command.several import Rules
from imgtools.cli.command.shared_options import Overwrite
from imgtools.cli.output.filesystems_picture import disk_lines, filesystems_svg
from imgtools.cli.output.picture import SvgFile, require_svg, terminal_cells
from imgtools.cli.output.views import Column, Lines, Table, Tree, View
from imgtools.units import format_size

if TYPE_CHECKING:
    from imgtools.workflows.filesystems import FilesystemRow, FilesystemsReport

SECTION = "See what an image holds"
WAITS = True
EXAMPLES = (
    "imgtools filesystems disk.qcow2",
    "imgtools filesystems --only partitions disk.qcow2",
    "imgtools filesystems --alignment disk.vmdk || echo badly aligned",
    "imgtools filesystems --svg disk.svg disk.qcow2",
    "imgtools filesystems --json disk.qcow2 | jq '.data.filesystems[].uuid'",
)
SEVERAL = Rules(one_image=("--svg", "--overwrite"))
NOTES = """
On a terminal each disk is drawn as a bar above its tree, with the numbers of its partitions, the room that belongs to
none, and how full each is; of a physical volume, how much of it the logical volumes take. Every partition has room for
its number, so very small ones are drawn larger than they are. The bar is neither in a pipe nor in JSON.

`--svg FILE` draws the disks and the volume groups, with type, label, size and use of each part, into a new file beside
what is listed. It is written whole or not at all, and an existing one only gives way with `--overwrite`.
"""


class Only(StrEnum):
    """What to list, when not everything."""

    DISKS = "disks"
    PARTITIONS = "partitions"
    PVS = "pvs"
    VGS = "vgs"
    LVS = "lvs"
    FILESYSTEMS = "filesystems"


def command(
    source: EachSource,
    out: Output,
    only: Annotated[Only | None, typer.Option("--only", help="One kind of thing, as a table.")] = None,
    alignment: Annotated[
        bool, typer.Option("--alignment", help="Judge where partitions begin; exit 1 if one is bad.")
    ] = False,
    usage: Annotated[bool, typer.Option("--usage/--no-usage", help="Tell how full filesystems are.")] = True,
    svg: SvgFile = None,
    overwrite: Overwrite = False,
) -> None:
    """List disks, partitions, LVM and filesystems.

    On a terminal a tree, in a pipe a table of the filesystems; --only chooses another table. A partition is
    badly aligned if it does not begin on a multiple of 64 KiB. If a filesystem cannot be read, its row has no
    numbers, a warning says why, and the exit code is 1.
    """
    from imgtools.workflows.filesystems import list_filesystems

    require_svg(svg, overwrite=overwrite)
    report = list_filesystems(source, usage=usage and not alignment)
    if svg is not None:
        _draw(out, source, report, svg, overwrite=overwrite)
    schema = "imgtools.filesystems/1"
    if alignment:
        out.show(report, schema=schema, view=lambda: _alignment(report))
        raise typer.Exit(1 if report.misaligned else 0)
    if only:
        out.show(report, schema=schema, view=lambda: TABLES[only](report))
    else:
        out.show(report, schema=schema, view=lambda: _tree(report), pipe=lambda: _filesystems(report))
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _draw(
    out: Output, source: EachSource, report: FilesystemsReport, target: Path, *, overwrite: bool
) -> None:
    from imgtools.workflows.picture import write_picture

    write_picture(source, target, lambda: filesystems_svg(report, source.host_path.name), overwrite=overwrite)
    out.note(f"The picture is in {target}.")


# -- tables -----------------------------------------------------------------------------------------------


def _disks(report: FilesystemsReport) -> Table:
    columns = ("Device", Column("Size", right=True), Column("Sector", right=True), "Table", "Id")
    return Table(columns, [(d.device, d.size, d.sector_size, d.table, d.table_id) for d in report.disks])


def _partitions(report: FilesystemsReport) -> Table:
    numbers = [Column(name, right=True) for name in ("Number", "Start", "Size")]
    columns: list[Column | str] = ["Device", *numbers, "Type", "Kind", "Name", "Id", "Flags", "Alignment"]
    rows = [
        (
            *(p.device, p.number, p.start, p.size, p.type, p.kind, p.name, p.id, ",".join(p.flags)),
            "good" if p.aligned else "bad",
        )
        for p in report.partitions
    ]
    return Table(columns, rows)


def _alignment(report: FilesystemsReport) -> Table:
    columns = ("Device", Column("Start", right=True), Column("Alignment", right=True), "Verdict")
    rows = [
        (p.device, p.start, format_size(p.alignment), "ok" if p.aligned else "bad")
        for p in report.partitions
        if p.kind != "extended"
    ]
    return Table(columns, rows)


def _pvs(report: FilesystemsReport) -> Table:
    columns = ("Device", Column("Size", right=True), "VG", "UUID")
    return Table(columns, [(pv.device, pv.size, pv.vg, pv.uuid) for pv in report.pvs])


def _vgs(report: FilesystemsReport) -> Table:
    columns = (
        "Name",
        Column("Size", right=True),
        Column("Free", right=True),
        Column("Extent", right=True),
        "UUID",
    )
    return Table(columns, [(vg.name, vg.size, vg.free, vg.extent_size, vg.uuid) for vg in report.vgs])


def _lvs(report: FilesystemsReport) -> Table:
    columns = ("Device", Column("Size", right=True), "Kind", "UUID")
    return Table(columns, [(lv.device, lv.size, lv.kind, lv.uuid) for lv in report.lvs])


def _filesystems(report: FilesystemsReport) -> Table:
    numbers = [Column(name, right=True) for name in ("Size", "Used", "Available")]
    columns: list[Column | str] = ["Device", "Type", "Label", "UUID", *numbers, "On"]
    rows = [
        (f.device, f.content, f.label, f.uuid, f.size, f.used, f.available, ",".join(f.parents))
        for f in report.filesystems
    ]
    return Table(columns, rows)


TABLES: dict[Only, Callable[[FilesystemsReport], View]] = {
    Only.DISKS: _disks,
    Only.PARTITIONS: _partitions,
    Only.PVS: _pvs,
    Only.VGS: _vgs,
    Only.LVS: _lvs,
    Only.FILESYSTEMS: _filesystems,
}


# -- the tree ---------------------------------------------------------------------------------------------


def _tree(report: FilesystemsReport) -> list[View]:
    by_device = {row.device: row for row in report.filesystems}
    shown: list[View] = []
    for disk in report.disks:
        shown.append(Lines(disk_lines(report, disk, terminal_cells())))
        shown.append(_disk_tree(report, disk.device, by_device))
    return shown


def _disk_tree(report: FilesystemsReport, device: str, by_device: dict[str, FilesystemRow]) -> Tree:
    disk = next(disk for disk in report.disks if disk.device == device)
    kind = {"gpt": "GPT", "dos": "MBR"}.get(disk.table, "no partition table")
    branches = list(_partition_trees(report, device, by_device))
    own = by_device.get(device)
    label = f"{device}  {format_size(disk.size)}  {kind}"
    return Tree(f"{label}  {_facts(own)}" if own else label, [*branches, *_children(report, device)])


def _partition_trees(
    report: FilesystemsReport, device: str, by_device: dict[str, FilesystemRow]
) -> Iterator[Tree]:
    for partition in report.partitions:
        if partition.disk != device:
            continue
        row = by_device.get(partition.device)
        parts = [partition.device, format_size(partition.size), _facts(row) if row else partition.kind]
        parts += [f"“{partition.name}”"] if partition.name else []
        parts += [] if partition.aligned or partition.kind == "extended" else ["badly aligned"]
        yield Tree("  ".join(part for part in parts if part), list(_children(report, partition.device)))


def _children(report: FilesystemsReport, device: str) -> Iterator[Tree]:
    """Yield what is made of ``device``: logical volumes, opened LUKS, subvolumes; a partition has a line of its own."""
    partitions = {partition.device for partition in report.partitions}
    for row in report.filesystems:
        if device in row.parents and row.device not in partitions:
            label = f"{row.device}  {format_size(row.size)}  {_facts(row)}"
            yield Tree(label, list(_children(report, row.device)))


def _facts(row: FilesystemRow) -> str:
    parts = [row.content or "unknown content"]
    parts += [f"“{row.label}”"] if row.label else []
    if row.used is not None and row.available is not None:
        parts.append(f"{format_size(row.used)} used, {format_size(row.available)} free")
    parts += ["cannot be read"] if row.problem else []
    parts += [row.uuid] if row.uuid else []
    return "  ".join(parts)
