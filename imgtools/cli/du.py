"""imgtools du."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.df import bar
from imgtools.cli.output.views import Cell, Column, Table
from imgtools.units import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgtools.workflows.du import DuReport, FolderRoom, PackageRoom

SECTION = "See what an image holds"
WAITS = True
EXAMPLES = (
    "imgtools du -h disk.qcow2",
    "imgtools du -h disk.qcow2 /var --max-depth 2",
    "imgtools du -h --packages disk.qcow2 /usr",
    "imgtools du --all-folders --json disk.qcow2 | jq '.data.folders[] | select(.room > 1e9)'",
    r"imgtools du -h win.vmdk 'C:\Users'",
)
MOST = 20  # packages that a terminal shows


def command(
    source: Source,
    out: Output,
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="A folder of the guest.")] = "/",
    max_depth: Annotated[int, typer.Option("--max-depth", min=0, help="Levels below PATH.")] = 1,
    all_folders: Annotated[
        bool, typer.Option("--all-folders", help="All levels, as du without options.")
    ] = False,
    packages: Annotated[bool, typer.Option("--packages", help="Also which packages own it.")] = False,
    human: Annotated[
        bool, typer.Option("--human-readable", "-h", help="Sizes as 1.5G, not 1K-blocks.")
    ] = False,
) -> None:
    """Show where the room of a guest went, the largest folder first.

    A folder is counted with all below it, as du counts: what is really taken, so that holes are nothing, and a file
    with several names once. With --packages the files are also counted by the package that owns them; those of nobody
    come as "-". A terminal shows the 20 largest packages, a pipe and --json all of them.

    If a folder cannot be read, the others are counted, a warning says which, and the exit code is 1.
    """
    from imgtools.workflows.du import measure_room

    report = measure_room(source, path, max_depth=None if all_folders else max_depth, packages=packages)
    out.show(
        report,
        schema="imgtools.du/1",
        view=lambda: _tables(report, human=human, bars=True),
        pipe=lambda: _tables(report, human=human, bars=False),
    )
    if report.incomplete:
        raise typer.Exit(1)


def _tables(report: DuReport, *, human: bool, bars: bool) -> list[Table]:
    whole = max((one.room for one in report.folders), default=0)
    tables = [_table("Folder", [(one.path, one) for one in report.folders], whole, human=human, bars=bars)]
    if report.packages:
        shown = report.packages[:MOST] if bars else report.packages
        named = [(one.package or "-", one) for one in shown]
        tables.append(_table("Package", named, whole, human=human, bars=bars))
    return tables


def _table(
    name: str, rows: Sequence[tuple[str, FolderRoom | PackageRoom]], whole: int, *, human: bool, bars: bool
) -> Table:
    columns = [Column("Size" if human else "1K-blocks", right=True), Column("Use%", right=True)]
    columns += [Column("", spare=True)] if bars else []
    columns += [Column("Files", right=True), Column(name, style="bold")]

    def row(label: str, one: FolderRoom | PackageRoom) -> list[Cell]:
        percent = 100 * one.room / whole if whole else 0.0
        drawn: list[Cell] = [bar(percent)] if bars else []
        size: Cell = format_size(one.room) if human else -(-one.room // 1024)
        return [size, f"{percent:.0f}%", *drawn, one.files, label]

    return Table(columns, (row(label, one) for label, one in rows))
