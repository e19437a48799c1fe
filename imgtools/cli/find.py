"""imgtools find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import EachPlace, Output
from imgtools.cli.output.views import Column, Lines, Raw, Table, View
from imgtools.units import format_mode, format_time

if TYPE_CHECKING:
    from imgtools.workflows.find import OpenFind

SECTION = "Read files of a guest"
WAITS = True
EXAMPLES = (
    "imgtools find disk.qcow2 /etc --name '*.conf'",
    "imgtools find disk.qcow2 / --perm 4000 --type f -l",
    "imgtools find disk.qcow2 /var/log --size +10M --newer 7d",
    "imgtools find disk.qcow2 /etc --type f --contains PermitRootLogin",
    "find /images -name '*.qcow2' -print0 | imgtools find --images0-from - -P 4 /root/.ssh --name authorized_keys",
)


def command(
    place: EachPlace,
    out: Output,
    name: Annotated[str, typer.Option("--name", metavar="GLOB", help="The last component matches.")] = "",
    ignore_case: Annotated[
        bool, typer.Option("--ignore-case", "-i", help="Names in any letter case.")
    ] = False,
    whole: Annotated[str, typer.Option("--path", metavar="GLOB", help="The whole path matches.")] = "",
    regex: Annotated[str, typer.Option("--regex", metavar="RE", help="The path contains a match.")] = "",
    kind: Annotated[
        str, typer.Option("--type", metavar="LETTERS", help="f, d, l, c, b, p, s; several: fl.")
    ] = "",
    size: Annotated[str, typer.Option("--size", metavar="[+-]SIZE", help="+10M larger, -1K smaller.")] = "",
    newer: Annotated[str, typer.Option("--newer", metavar="AGE", help="Changed within: 2h, 7d.")] = "",
    older: Annotated[str, typer.Option("--older", metavar="AGE", help="Not changed within: 30d.")] = "",
    perm: Annotated[
        str, typer.Option("--perm", metavar="MODE", help="4000: has these bits; =0644: exactly.")
    ] = "",
    uid: Annotated[int | None, typer.Option("--uid", help="Owned by this user id.")] = None,
    gid: Annotated[int | None, typer.Option("--gid", help="Owned by this group id.")] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Empty files and directories.")] = False,
    contains: Annotated[
        str, typer.Option("--contains", metavar="TEXT", help="Files that hold this text.")
    ] = "",
    max_depth: Annotated[int | None, typer.Option("--max-depth", min=0, help="Levels below PATH.")] = None,
    long: Annotated[bool, typer.Option("--long", "-l", help="Mode, owner, size and time of each.")] = False,
    null: Annotated[
        bool, typer.Option("--null", "-0", help="End each path with a NUL, for xargs -0.")
    ] = False,
) -> None:
    """Find files of the guest.

    Without --size and the like, every file below PATH. All conditions must hold. Links are not followed; mount
    points are crossed. A path is printed cleaned; with -0 its bytes come out as they are. In a pipe, and with --json,
    any number of files takes the same memory. Of several images, each line begins with the image.

    If a file or directory cannot be read, the others are found, a warning says which, and the exit code is 1.
    """
    from imgtools.workflows.find import Wanted, open_find

    wanted = Wanted(
        name, ignore_case, whole, regex, kind, size, newer, older, perm, uid, gid, empty, contains, max_depth
    )
    with open_find(place.source, place.path, wanted) as found:

        def view() -> View:
            if null:
                return Raw(file.path.encode("utf-8", "surrogateescape") + b"\0" for file in found.files)
            return _table(found) if long else Lines(file.path for file in found.files)

        out.show_long(
            lambda: found.report(()), found.files, field="files", schema="imgtools.find/1", view=view
        )
        incomplete = bool(found.refused)
    if incomplete:
        raise typer.Exit(1)


def _table(found: OpenFind) -> Table:
    numbers = [Column(name, right=True) for name in ("Owner", "Group", "Size")]
    columns = [Column("Mode"), *numbers, Column("Modified", time=True), Column("Path", style="bold")]
    rows = (
        (format_mode(f.kind, f.mode), f.uid, f.gid, f.size, format_time(f.mtime), f.path) for f in found.files
    )
    return Table(columns, rows)
