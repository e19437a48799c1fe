"""imgtools log."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Column, Table
from imgtools.errors import UsageError
from imgtools.units import format_size

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    "imgtools log -d web1 -n 10 -f --unit ssh",
)
NOTES = """
With `--follow` the image is looked at again and again, as by `imgtools tail --follow`, and opened only if one of its
files was written to meanwhile. Every log that was chosen is followed, the journal too, over rotations; `--source`,
`--unit`, `--priority` and `--grep` choose among what is added as well. What a guest that runs has not yet written to
its disk is seen when it has; journald writes what is less urgent than `crit` every five minutes. Ctrl-C ends it.
"""
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
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added.")]
Interval = Annotated[
    float, typer.Option("--interval", metavar="SECONDS", min=0.1, help="Between two looks with --follow.")
]
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
    follow: Follow = False,
    interval: Interval = 1.0,
) -> None:
    """Print the guest's logs, merged by time.

    Without --source, the main log: the systemd journal, else syslog or messages; System and Application on Windows.
    Rotated and compressed files are read too. The newest 200 entries are printed, the oldest of them first.

    A TIME is 2024-03-01, '2024-03-01 14:30', 14:30, today, yesterday, '2 hours ago', 30min or @SECONDS. Relative
    times count from the newest entry of the logs, not from today: the guest may have been off for weeks. Times
    without an offset are in the guest's time zone.

    --json holds all entries in memory; for large logs use --json-lines, which does not.
    """
    from imgtools.workflows.log import list_logs, open_log
    from imgtools.workflows.log_query import LogQuery

    if json_lines and (out.json or listing):
        raise UsageError("--json-lines does not go with --json or --list")
    if follow and (out.json or listing):
        raise UsageError(
            "--follow does not end, and --json and --list do",
            hint="--json-lines has an object for each entry",
        )
    if listing:
        _show_list(out, list_logs(source))
        return
    query = LogQuery(
        tuple(sources or ()), since, until, tuple(unit or ()), priority, grep, ignore_case, parse_lines(lines)
    )
    if follow:
        from imgtools.workflows.log_follow import follow_log

        for look in follow_log(source, query, pause=lambda: sleep(interval), warn=out.warn):
            _show(out, look.rows, json_lines=json_lines, utc=utc, several=len(look.sources) > 1)
            out.flush()
        return
    with open_log(source, query) as log:
        if out.json:
            out.show(log.report(), schema="imgtools.log/1", view=lambda: ())
            return
        _show(out, log.rows, json_lines=json_lines, utc=utc, several=len(log.sources) > 1)
        for warning in log.warnings:
            out.warn(warning)


def _show_list(out: Output, report: LogListReport) -> None:
    out.show(
        report,
        schema="imgtools.log.list/1",
        view=lambda: _list(report, human=True),
        pipe=lambda: _list(report),
    )


def _show(out: Output, rows: Iterable[LogRow], *, json_lines: bool, utc: bool, several: bool) -> None:
    for row in rows:
        if json_lines:
            out.json_line(row)
        else:
            _print(out, row, utc=utc, several=several)


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
