"""imgtools df."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Output, Sources
from imgtools.cli.output.output import Cell, Column, Lines, Table
from imgtools.errors import UsageError
from imgtools.units import format_size

if TYPE_CHECKING:
    from imgtools.workflows.df import DfReport, FilesystemUsage

SECTION = "See what an image holds"
WAITS = True
EXAMPLES = (
    "imgtools df -h disk.qcow2",
    "imgtools df -i disk.qcow2",
    "imgtools df --csv -P 4 /var/lib/libvirt/images/*.qcow2 >> usage.csv",
)
# The header that virt-df prints, to the letter, so that old reports can be continued.
CSV_BLOCKS = "Virtual Machine,Filesystem,1K-blocks,Used,Available,Use%"
CSV_INODES = "Virtual Machine,Filesystem,Inodes,IUsed,IFree,IUse%"
BAR = 20  # characters


def command(
    sources: Sources,
    out: Output,
    human: Annotated[
        bool, typer.Option("--human-readable", "-h", help="Sizes as 1.5G, not 1K-blocks.")
    ] = False,
    inodes: Annotated[bool, typer.Option("--inodes", "-i", help="Count inodes, not blocks.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV as virt-df does.")] = False,
    parallel: Annotated[
        int, typer.Option(*names.PARALLEL.words, min=1, help="How many images at a time.")
    ] = 1,
) -> None:
    """Show how full every filesystem is.

    The numbers are those of statvfs of the mounted filesystem, so df inside the running guest says the same.
    Several images may be given; one that cannot be read is a warning, and the exit code is that of its error.
    A filesystem that cannot be read is a row without numbers and a warning; then the exit code is 1.
    """
    from imgtools.workflows.df import measure_usage

    if csv and (human or out.json):
        raise UsageError("--csv does not go with --human-readable or --json")
    report = measure_usage(sources, parallel=parallel)
    if csv:
        out.show(report, schema="imgtools.df/1", view=lambda: Lines(csv_lines(report, inodes=inodes)))
    else:
        out.show(
            report,
            schema="imgtools.df/1",
            view=lambda: _table(report, human=human, inodes=inodes, bars=True),
            pipe=lambda: _table(report, human=human, inodes=inodes, bars=False),
        )
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _table(report: DfReport, *, human: bool, inodes: bool, bars: bool) -> Table:
    several = len(report.images) > 1
    names = (
        ("Inodes", "IUsed", "IFree", "IUse%") if inodes else (_size_name(human), "Used", "Available", "Use%")
    )
    columns = [Column("Image")] if several else []
    columns += [Column("Filesystem", style="bold"), Column("Type")] + [
        Column(name, right=True) for name in names
    ]
    columns += [Column("")] if bars else []
    blank: list[Cell] = [None] * (5 if bars else 4)
    rows: list[list[Cell]] = []
    for image in report.images:
        for row in image.filesystems:
            numbers, percent = _numbers(row, human=human, inodes=inodes)
            start: list[Cell] = [image.image] if several else []
            end: list[Cell] = [bar(percent)] if bars else []
            rows.append([*start, row.device, row.content, *numbers, f"{percent:.0f}%", *end])
        for lost in image.unread:
            rows.append([*([image.image] if several else []), lost.device, lost.content, *blank])
    return Table(columns, rows)


def _size_name(human: bool) -> str:
    return "Size" if human else "1K-blocks"


def _numbers(row: FilesystemUsage, *, human: bool, inodes: bool) -> tuple[list[Cell], float]:
    if inodes:
        used = 100 * row.inodes_used / row.inodes if row.inodes else 0.0
        return [row.inodes, row.inodes_used, row.inodes_free], used
    sizes = (row.size, row.used, row.available)
    return [format_size(size) if human else size // 1024 for size in sizes], row.use_percent


def bar(percent: float) -> str:
    """Draw a percentage as a bar of 20 characters."""
    filled = min(BAR, max(0, round(percent * BAR / 100)))
    return "█" * filled + "░" * (BAR - filled)


def csv_lines(report: DfReport, *, inodes: bool) -> list[str]:
    """The lines that ``virt-df --csv`` prints: sizes in 1K-blocks, percent to one decimal of all there is.

    It has none for a filesystem that cannot be read.
    """
    lines = [CSV_INODES if inodes else CSV_BLOCKS]
    for image in report.images:
        name = image.image.rpartition("/")[2]
        for row in image.filesystems:
            if inodes:
                whole, used, rest = row.inodes, row.inodes_used, row.inodes_free
            else:
                whole, used, rest = row.size // 1024, row.used // 1024, row.available // 1024
            percent = 100 * used / whole if whole else 0.0
            lines.append(f"{_quoted(name)},{_quoted(row.device)},{whole},{used},{rest},{percent:.1f}%")
    return lines


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(letter in text for letter in ',"\n') else text
