"""imgtools df."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgtools.cli.command.groups import EachImage, Output
from imgtools.cli.command.several import Rules
from imgtools.cli.output.views import Cell, Column, Csv, Table
from imgtools.errors import UsageError
from imgtools.units import format_size

if TYPE_CHECKING:
    from imgtools.workflows.df import DfReport, FilesystemUsage

SECTION = "See what an image holds"
WAITS = True
SCHEMA = "imgtools.df/1"
EXAMPLES = (
    "imgtools df -h disk.qcow2",
    "imgtools df -i disk.qcow2",
    "imgtools df -h -d debian12",
    "imgtools df --csv --all-domains >> usage.csv",
    "imgtools df --csv -P 4 /var/lib/libvirt/images/*.qcow2 >> usage.csv",
)
# The header that virt-df prints, to the letter, so that old reports can be continued.
CSV_BLOCKS = "Virtual Machine,Filesystem,1K-blocks,Used,Available,Use%"
CSV_INODES = "Virtual Machine,Filesystem,Inodes,IUsed,IFree,IUse%"
BAR = 20  # characters


def command(
    source: EachImage,
    out: Output,
    human: Annotated[
        bool, typer.Option("--human-readable", "-h", help="Sizes as 1.5G, not 1K-blocks.")
    ] = False,
    inodes: Annotated[bool, typer.Option("--inodes", "-i", help="Count inodes, not blocks.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV as virt-df does.")] = False,
) -> None:
    """Show how full every filesystem is.

    The numbers are those of statvfs of the mounted filesystem, so df inside the running guest says the same.
    Without IMAGE it tells of all guests of libvirt, as virt-df does.
    A filesystem that cannot be read is a row without numbers and a warning; then the exit code is 1.
    """
    from imgtools.workflows.df import measure_usage

    if csv and (human or out.json):
        raise UsageError("--csv does not go with --human-readable or --json")
    report = measure_usage(source)
    if csv:
        out.show(report, schema=SCHEMA, view=lambda: Csv(*csv_lines(report, inodes=inodes)))
    else:
        out.show(
            report,
            schema=SCHEMA,
            view=lambda: _table(report, human=human, inodes=inodes, bars=True),
            pipe=lambda: _table(report, human=human, inodes=inodes, bars=False),
        )
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _table(report: DfReport, *, human: bool, inodes: bool, bars: bool) -> Table:
    names = (
        ("Inodes", "IUsed", "IFree", "IUse%") if inodes else (_size_name(human), "Used", "Available", "Use%")
    )
    columns = [Column("Filesystem", style="bold"), Column("Type")]
    columns += [Column(name, right=True) for name in names]
    columns += [Column("", spare=True)] if bars else []
    blank: list[Cell] = [None] * (5 if bars else 4)
    rows: list[list[Cell]] = []
    for image in report.images:
        for row in image.filesystems:
            numbers, percent = _numbers(row, human=human, inodes=inodes)
            end: list[Cell] = [bar(percent)] if bars else []
            rows.append([row.device, row.content, *numbers, f"{percent:.0f}%", *end])
        for lost in image.unread:
            rows.append([lost.device, lost.content, *blank])
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


def csv_lines(report: DfReport, *, inodes: bool) -> tuple[str, list[str]]:
    """The head and the lines that ``virt-df --csv`` prints: 1K-blocks, percent of all there is.

    It has none for a filesystem that cannot be read.
    """
    lines: list[str] = []
    for image in report.images:
        name = image.domain or image.image.rpartition("/")[2]
        for row in image.filesystems:
            if inodes:
                whole, used, rest = row.inodes, row.inodes_used, row.inodes_free
            else:
                whole, used, rest = row.size // 1024, row.used // 1024, row.available // 1024
            percent = 100 * used / whole if whole else 0.0
            lines.append(f"{_quoted(name)},{_quoted(row.device)},{whole},{used},{rest},{percent:.1f}%")
    return CSV_INODES if inodes else CSV_BLOCKS, lines


def join(answers: Sequence[Any]) -> dict[str, Any]:  # Any: JSON
    """Make one document of the envelopes of several images: one that failed has no filesystems, and is a warning."""
    images: list[Any] = []
    warnings: list[Any] = []
    for answer in answers:
        warnings += answer["warnings"]
        if answer["ok"]:
            images += answer["data"]["images"]
            continue
        error = answer["error"]
        names = {name: answer[name] for name in answer if name in ("image", "image_b64")}
        failed = {
            "engine": None,
            "filesystems": [],
            "error": error["message"],
            "exit_code": error["exit_code"],
        }
        images.append(names | failed)
        warnings.append({"text": error["message"], "path": answer["image"]})
    return {"schema": SCHEMA, "ok": True, "data": {"images": images}, "warnings": warnings}


SEVERAL = Rules(join=join)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(letter in text for letter in ',"\n') else text
