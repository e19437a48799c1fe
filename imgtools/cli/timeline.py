"""imgtools timeline."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Column, Csv, Lines, Table, View
from imgtools.errors import UsageError
from imgtools.records.files import FileKind

if TYPE_CHECKING:
    from imgtools.records.found import FoundFile
    from imgtools.records.timeline import TimelineEntry
    from imgtools.workflows.timeline import OpenTimeline

SECTION = "Audit a guest"
WAITS = True
EXAMPLES = (
    "imgtools timeline disk.qcow2 --since '2 days ago'",
    "imgtools timeline disk.qcow2 --kind package --kind login",
    "imgtools timeline disk.qcow2 --kind file --path /etc --since 2024-03-01",
    "imgtools timeline disk.qcow2 --body > disk.body && mactime -b disk.body -d",
    "imgtools timeline win.vmdk --kind event --json-lines | jq -r .text",
)
COLUMNS = ("time", "kind", "what", "where", "text", "mode", "uid", "gid", "size", "inode")
# Letters of the Sleuth Kit for kinds of files (tsk_fs.h, TSK_FS_NAME_TYPE_STR).
TSK_KINDS = {FileKind.FILE: "r", FileKind.SOCKET: "h"}


class Kind(StrEnum):
    """What people may ask for with --kind."""

    FILE = "file"
    PACKAGE = "package"
    LOGIN = "login"
    LOG = "log"
    EVENT = "event"


def command(
    source: Source,
    out: Output,
    kind: Annotated[
        list[Kind] | None, typer.Option("--kind", help="Only what these tell of; repeat it.")
    ] = None,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Not older than this.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Not newer than this.")] = "",
    path: Annotated[
        str, typer.Option("--path", metavar="PATH", help="Of files: only those here and below.")
    ] = "/",
    atime: Annotated[bool, typer.Option("--atime", help="Also when files were read last.")] = False,
    body: Annotated[
        bool, typer.Option("--body", help="Print the files' times as a body file for mactime.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    json_lines: Annotated[
        bool, typer.Option(*names.JSON_LINES.words, help="One JSON object a line, as they are read.")
    ] = False,
) -> None:
    """Tell what happened in a guest, in the order of time.

    Times of files (content, inode, birth where the filesystem tells it, with --atime reading), what package managers
    did, logins and those that failed, the journal and text logs, the event logs of Windows. The oldest is told first.

    A TIME is written as for imgtools log: 2024-03-01, '2024-03-01 14:30', yesterday, '2 hours ago', @SECONDS; what is
    relative counts from the guest's last sign of life. Times are shown in UTC.

    A body file has a line for each file, in no order, as fls -m writes it; mactime sorts it. In a pipe, with --csv,
    --body, --json and --json-lines any number of files takes the same memory.

    If something could not be read, the rest is told, a warning says what, and the exit code is 1.
    """
    from imgtools.records.timeline import Happening
    from imgtools.workflows.timeline import TimelineWish, open_timeline

    if sum((body, as_csv, json_lines, out.json)) > 1:
        raise UsageError("--body, --csv, --json and --json-lines are ways to say the same", hint="choose one")
    if body and (since or until or any(one is not Kind.FILE for one in kind or ())):
        raise UsageError(
            "--body has all times of files and nothing else", hint="mactime chooses by date; --csv has all"
        )
    kinds = tuple(Happening(one.value) for one in kind or ())
    with open_timeline(source, TimelineWish(kinds, since, until, path, atime)) as found:
        if json_lines:
            for entry in found.entries:
                out.json_line(entry)
            for warning in found.report(()).warnings:
                out.warn(warning)
        else:
            out.show_long(
                lambda: found.report(()),
                found.entries,
                field="entries",
                schema="imgtools.timeline/1",
                view=lambda: _view(found, body=body, as_csv=as_csv),
            )
        incomplete = found.report(()).incomplete
    if incomplete:
        raise typer.Exit(1)


def _view(found: OpenTimeline, *, body: bool, as_csv: bool) -> View:
    if body:
        return Lines(body_line(one) for one in found.files)
    if as_csv:
        return Csv(",".join(COLUMNS), (csv_line(one) for one in found.entries))
    columns = (
        Column("Time", time=True),
        Column("Kind"),
        Column("What"),
        Column("Where", style="bold"),
        Column("Text", prose=True),
    )
    return Table(columns, (_cells(one) for one in found.entries))


def _cells(entry: TimelineEntry) -> tuple[str, ...]:
    return f"{entry.time[:19]}Z", entry.kind.value, entry.what, entry.where, entry.text or _mode(entry)


def _mode(entry: TimelineEntry) -> str:
    from imgtools.units import format_mode

    file = entry.file
    return "" if file is None else f"{format_mode(file.kind, file.mode)} {file.uid}:{file.gid} {file.size}"


def csv_line(entry: TimelineEntry) -> str:
    """One entry as a line of CSV (RFC 4180), without its end; line ends in a text are escaped as on a terminal."""
    from imgtools.cli.output.clean import clean

    file = entry.file
    facts = (f"{file.mode:04o}", file.uid, file.gid, file.size, file.inode) if file else ("",) * 5
    texts = [clean(one) for one in (entry.what, entry.where, entry.text)]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow((entry.time, entry.kind.value, *texts, *facts))
    return line.getvalue()


def body_line(found: FoundFile) -> str:
    """One file as a line of a body file: MD5|name|inode|mode|UID|GID|size|atime|mtime|ctime|crtime.

    Source: "Body file" in the wiki of the Sleuth Kit, version 3. A ``|`` in a name, which would be taken for the end of
    it, is written as %7C; times are whole seconds, 0 where none is known.
    """
    from imgtools.units import format_mode

    stat = found.stat
    letter = TSK_KINDS.get(stat.kind, stat.kind.value)
    mode = f"{letter}/{letter}{format_mode(stat.kind, stat.mode)[1:]}"
    name = found.path.replace("|", "%7C")
    times = (max(0, time // 10**9) for time in (stat.atime, stat.mtime, stat.ctime, stat.crtime))
    parts: Iterator[object] = iter((0, name, stat.inode, mode, stat.uid, stat.gid, stat.size, *times))
    return "|".join(map(str, parts))
