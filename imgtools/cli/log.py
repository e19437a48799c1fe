"""imgtools log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Column, Table
from imgtools.errors import UsageError
from imgtools.units import format_size

if TYPE_CHECKING:
    from imgtools.workflows.log import LogListReport, LogRow

SECTION = "See what an image holds"
WAITS = True
EXAMPLES = (
    "imgtools log disk.qcow2",
    "imgtools log disk.qcow2 --since '2 hours ago' --priority err",
    "imgtools log disk.qcow2 --unit ssh -n 50",
    "imgtools log disk.qcow2 --source auth --source kern --grep 'fail|denied' -i",
    "imgtools log win.vmdk --source System --source Application --since yesterday",
    "imgtools log disk.qcow2 --list",
    "imgtools log disk.qcow2 -n all --json-lines | jq -r .message",
)
URGENT = ("emerg", "alert", "crit", "err", "warning")


Names = Annotated[
    list[str] | None,
    typer.Option("--source", "-s", metavar="NAME", help="A log by name (auth, System) or path; repeat it."),
]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Not older than this.")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Not newer than this.")]
Units = Annotated[
    list[str] | None,
    typer.Option("--unit", "-u", metavar="UNIT", help="Of this unit, program or provider; repeat it."),
]
Level = Annotated[
    str, typer.Option("--priority", "-p", metavar="LEVEL", help="emerg ... debug or 0-7: this and worse.")
]
Pattern = Annotated[str, typer.Option("--grep", "-g", metavar="RE", help="With a match of this pattern.")]
AnyCase = Annotated[bool, typer.Option("--ignore-case", "-i", help="--grep in any letter case.")]
Count = Annotated[str, typer.Option("--lines", "-n", metavar="N", help="The newest N entries, or all.")]


def command(
    source: Source,
    out: Output,
    sources: Names = None,
    since: Since = "",
    until: Until = "",
    unit: Units = None,
    priority: Level = "",
    grep: Pattern = "",
    ignore_case: AnyCase = False,
    lines: Count = "200",
    utc: Annotated[bool, typer.Option("--utc", help="Times in UTC, not in the guest's zone.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Only say which logs there are.")] = False,
    json_lines: Annotated[
        bool, typer.Option("--json-lines", help="One JSON object a line, as they are read.")
    ] = False,
) -> None:
    """Print the guest's logs, merged by time.

    Without --source, the main log: the systemd journal, else syslog or messages; System and Application on Windows.
    Rotated and compressed files are read too. The newest 200 entries are printed, the oldest of them first.

    A TIME is 2024-03-01, '2024-03-01 14:30', 14:30, today, yesterday, '2 hours ago', 30min or @SECONDS. Relative
    times count from the newest entry of the logs, not from today: the guest may have been off for weeks. Times
    without an offset are in the guest's time zone.

    --json holds all entries in memory; for large logs use --json-lines, which does not.
    """
    from imgtools.workflows.log import LogQuery, list_logs, open_log

    if json_lines and (out.json or listing):
        raise UsageError("--json-lines does not go with --json or --list")
    if listing:
        report = list_logs(source)
        out.show(
            report,
            schema="imgtools.log.list/1",
            view=lambda: _list(report, human=True),
            pipe=lambda: _list(report),
        )
        return
    query = LogQuery(
        tuple(sources or ()), since, until, tuple(unit or ()), priority, grep, ignore_case, parse_lines(lines)
    )
    with open_log(source, query) as log:
        if out.json:
            out.show(log.report(), schema="imgtools.log/1", view=lambda: ())
            return
        for row in log.rows:
            if json_lines:
                out.json_line(row)
            else:
                _print(out, row, utc=utc, several=len(log.sources) > 1)
        for warning in log.warnings:
            out.warn(warning)


def parse_lines(text: str) -> int | None:
    """Return how many entries are wanted; None for all.

    :raises UsageError: neither a number nor ``all``.
    """
    if text == "all":
        return None
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"not a number of entries: {text!r}", hint="a number, or all")
    return int(text)


def _print(out: Output, row: LogRow, *, utc: bool, several: bool) -> None:
    first, *more = format_row(row, utc=utc, several=several).split("\n")
    out.line(first)
    for line in more:
        out.line(f"    {line}")


def format_row(row: LogRow, *, utc: bool = False, several: bool = False) -> str:
    """Write an entry as journalctl does: time, host, program, what happened; where it is from if there are several."""
    if row.time is None:
        return f"{row.source}: {row.message}" if several else row.message
    time = f"{row.time[:19]}Z" if utc else row.local_time or row.time
    program = f"{row.identifier}[{row.pid}]" if row.identifier and row.pid is not None else row.identifier
    if row.event_id is not None:
        program = f"{row.identifier} {row.event_id}"
    urgent = f"<{URGENT[row.priority]}> " if row.priority is not None and row.priority < len(URGENT) else ""
    start = " ".join(part for part in (time, row.host, row.source if several else "", program) if part)
    return f"{start}: {urgent}{row.message}" if program else f"{start} {urgent}{row.message}"


def _list(report: LogListReport, *, human: bool = False) -> Table:
    columns = (
        Column("Log", style="bold"),
        Column("Kind"),
        Column("Files", right=True),
        Column("Size", right=True),
        Column("Entries", right=True),
        Column("First", time=True),
        Column("Last", time=True),
        Column("Path"),
    )
    rows = (
        (
            f"{log.name} *" if log.main and human else log.name,
            log.kind.value,
            log.files,
            format_size(log.size) if human else log.size,
            log.entries,
            log.first and f"{log.first[:19]}Z",
            log.last and f"{log.last[:19]}Z",
            log.path,
        )
        for log in report.logs
    )
    return Table(columns, rows)
