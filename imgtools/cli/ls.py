"""imgtools ls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Cell, Column, Lines, Table, View
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
    r"imgtools ls win.vmdk 'C:\Users'",
)


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
) -> None:
    """List files of the guest.

    Without -l, one name a line. With -l a table; times are UTC, and owners have the names that the guest's own
    /etc/passwd and /etc/group give them. In a pipe, and with --json, any number of files takes the same memory.

    If one of them cannot be read, the others are listed, a warning says which, and the exit code is 1.
    """
    from imgtools.workflows.ls import open_listing

    with open_listing(source, path, recursive=recursive, checksum=checksum) as listing:

        def view() -> View:
            if long or checksum or times or uids:
                return _table(listing, human=human, uids=uids, times=times, checksum=bool(checksum))
            return Lines(file.name for file in listing.files)

        out.show_long(
            lambda: listing.report(()), listing.files, field="files", schema="imgtools.ls/1", view=view
        )
        incomplete = bool(listing.refused)
    if incomplete:
        raise typer.Exit(1)


def _table(listing: OpenListing, *, human: bool, uids: bool, times: bool, checksum: bool) -> Table:
    users, groups = ({}, {}) if uids else (dict(listing.users), dict(listing.groups))
    columns = [Column("Mode"), Column("Links", right=True), Column("Owner"), Column("Group")]
    columns += [Column("Size", right=True)]
    columns += [
        Column(name, time=True) for name in (("Accessed", "Modified", "Changed") if times else ("Modified",))
    ]
    columns += [Column("Checksum")] if checksum else []
    columns += [Column("Name", style="bold")]
    rows = (
        [
            format_mode(file.kind, file.mode),
            file.links,
            users.get(file.uid, file.uid),
            groups.get(file.gid, file.gid),
            _size(file, human=human),
            *([format_time(file.atime)] if times else []),
            format_time(file.mtime),
            *([format_time(file.ctime)] if times else []),
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
