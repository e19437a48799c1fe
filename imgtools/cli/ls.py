"""imgtools ls."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from time import time_ns as clock
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Cell, Column, Csv, Lines, Table, View
from imgtools.errors import UsageError
from imgtools.records.files import FileKind
from imgtools.units import format_mode, format_size, format_time

if TYPE_CHECKING:
    from imgtools.workflows.ls import ListedFile, OpenListing

SECTION = "Read files of a guest"
WAITS = True
EXAMPLES = (
    "imgtools ls disk.qcow2 /etc",
    "imgtools ls -l disk.qcow2 /var/log",
    "imgtools ls -lR --checksum sha256 disk.qcow2 /etc > manifest.tsv",
    "imgtools ls disk.qcow2 '/var/log/*.gz' -l --time days",
    "imgtools ls -R --csv disk.qcow2 / > files.csv",
    r"imgtools ls win.vmdk 'C:\Users'",
)
COLUMNS = (
    "kind",
    "mode",
    "links",
    "uid",
    "gid",
    "owner",
    "group",
    "size",
    "atime",
    "mtime",
    "ctime",
    "path",
    "target",
    "checksum",
)
TIME_FORMS = ("utc", "seconds", "relative", "days")
SECOND = 10**9
DAY = 86400 * SECOND


def command(
    source: Source,
    out: Output,
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="A directory or file in the guest.")] = "/",
    long: Annotated[bool, typer.Option("--long", "-l", help="Mode, owner, size and time of each.")] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-R", help="All below the directory too.")
    ] = False,
    human: Annotated[bool, typer.Option("--human-readable", "-h", help="Sizes as 1.5G.")] = False,
    checksum: Annotated[
        str,
        typer.Option(
            "--checksum", metavar="ALGORITHM", help="Checksum of each file: md5, sha1, sha256, sha512 ..."
        ),
    ] = "",
    uids: Annotated[bool, typer.Option("--uids", help="Owners as numbers, not the guest's names.")] = False,
    times: Annotated[bool, typer.Option("--times", help="Access, modification and change time.")] = False,
    time: Annotated[
        str,
        typer.Option(
            "--time", metavar="FORM", help="Times as utc, seconds (since 1970), relative (ago) or days (ago)."
        ),
    ] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with all that is known.")] = False,
) -> None:
    """List files of the guest.

    Without -l, one name a line. With -l a table; times are UTC, and owners have the names that the guest's own
    /etc/passwd and /etc/group give them. In a pipe, and with --json, any number of files takes the same memory.

    PATH may be a shell pattern; quote it. What it matches is listed with whole paths, one after the other.

    If one of them cannot be read, the others are listed, a warning says which, and the exit code is 1.
    """
    from imgtools.workflows.ls import open_listing

    if as_csv and (out.json or human):
        raise UsageError("--csv does not go with --human-readable or --json")
    if time and time not in TIME_FORMS:
        raise UsageError(f"no such form of times: {time}", hint=f"one of {', '.join(TIME_FORMS)}")
    with open_listing(source, path, recursive=recursive, checksum=checksum) as listing:

        def view() -> View:
            if as_csv:
                return Csv(",".join(COLUMNS), _csv_lines(listing, _timed(time)))
            if long or checksum or times or uids or time:
                return _table(listing, time, human=human, uids=uids, times=times, checksum=bool(checksum))
            return Lines(file.name for file in listing.files)

        out.show_long(
            lambda: listing.report(()), listing.files, field="files", schema="imgtools.ls/1", view=view
        )
        incomplete = bool(listing.refused)
    if incomplete:
        raise typer.Exit(1)


def _timed(form: str) -> Callable[[int], Cell]:
    """Return what writes nanoseconds since 1970 in a form; virt-ls has it as --time-t, -relative and -days."""
    now = clock()
    if form == "seconds":
        return lambda moment: moment // SECOND
    if form == "relative":
        return lambda moment: (now - moment) // SECOND
    if form == "days":  # 0 is less than a day ago; what is yet to come is below 0
        return lambda moment: int((now - moment) / DAY)
    return format_time


def _csv_lines(listing: OpenListing, timed: Callable[[int], Cell]) -> Iterator[str]:
    """The files as lines of CSV (RFC 4180); line ends in a name are escaped as on a terminal."""
    from imgtools.cli.output.clean import clean

    users, groups = dict(listing.users), dict(listing.groups)
    for file in listing.files:
        owners = (file.uid, file.gid, clean(users.get(file.uid, "")), clean(groups.get(file.gid, "")))
        times = (timed(moment) for moment in (file.atime, file.mtime, file.ctime))
        names = (clean(file.path), clean(file.target), file.checksum)
        line = io.StringIO()
        facts = (file.kind.value, f"{file.mode:04o}", file.links, *owners, file.size, *times)
        csv.writer(line, lineterminator="").writerow((*facts, *names))
        yield line.getvalue()


def _table(
    listing: OpenListing,
    form: str,
    *,
    human: bool,
    uids: bool,
    times: bool,
    checksum: bool,
) -> Table:
    users, groups = ({}, {}) if uids else (dict(listing.users), dict(listing.groups))
    columns = [Column("Mode"), Column("Links", right=True), Column("Owner"), Column("Group")]
    columns += [Column("Size", right=True)]
    timed, as_text = _timed(form), form in ("", "utc")
    shown = ("Accessed", "Modified", "Changed") if times else ("Modified",)
    columns += [Column(name, time=as_text, right=not as_text) for name in shown]
    columns += [Column("Checksum")] if checksum else []
    columns += [Column("Name", style="bold")]
    rows = (
        [
            format_mode(file.kind, file.mode),
            file.links,
            users.get(file.uid, file.uid),
            groups.get(file.gid, file.gid),
            _size(file, human=human),
            *([timed(file.atime)] if times else []),
            timed(file.mtime),
            *([timed(file.ctime)] if times else []),
            *([file.checksum] if checksum else []),
            f"{file.name} -> {file.target}" if file.kind is FileKind.LINK else file.name,
        ]
        for file in listing.files
    )
    return Table(columns, rows)


def _size(file: ListedFile, *, human: bool) -> Cell:
    if file.kind in (FileKind.CHARACTER, FileKind.BLOCK):
        return f"{file.device[0]}, {file.device[1]}"
    return format_size(file.size) if human else file.size
