"""imgtools registry list."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Column, Lines, Table, View
from imgtools.cli.registry._options import Bare
from imgtools.errors import UsageError
from imgtools.units import format_time

WAITS = True
EXAMPLES = (
    "imgtools registry list win.qcow2",
    r"imgtools registry list win.qcow2 'HKLM\SYSTEM\CurrentControlSet\Services'",
    r"imgtools registry list win.qcow2 'HKLM\SOFTWARE\Classes' -R | wc -l",
    r"imgtools registry list win.qcow2 'HKLM\SOFTWARE' -l",
)


def command(
    source: Source,
    out: Output,
    name: Annotated[
        str, typer.Argument(metavar="[KEY]", help="Without it, the guest's hives.", show_default=False)
    ] = "",
    recursive: Annotated[bool, typer.Option("--recursive", "-R", help="Everything below KEY.")] = False,
    long: Annotated[
        bool, typer.Option("--long", "-l", help="When each was changed, and what it holds.")
    ] = False,
    hive: Bare = False,
) -> None:
    """List the keys below a registry key, or the hives of the guest.

    A damaged hive is in the list of hives with its problem; of a key, what can be read is listed.
    """
    from imgtools.workflows.registry import list_hives, list_keys, open_export

    if not name:
        if recursive or long:
            raise UsageError("--recursive and --long want a KEY", hint=r"such as 'HKLM\SOFTWARE'")
        hives = list_hives(source, hive=hive)
        columns = (Column("Key", style="bold"), Column("Size", right=True), Column("State"), Column("File"))
        rows = (
            (one.key, one.size, one.problem or ("dirty" if one.dirty else "clean"), one.path)
            for one in hives.hives
        )
        out.show(hives, schema="imgtools.registry.hives/1", view=lambda: Table(columns, rows))
        return
    if recursive and not (long or out.json):
        with open_export(source, name, hive=hive) as below:
            for found in islice(below.names, 1, None):
                out.line(found)
            for warning in below.warnings:
                out.warn(warning)
        return
    report = list_keys(source, name, recursive=recursive, hive=hive)
    view: View = Lines(row.key for row in report.keys)
    if long:
        view = Table(
            (
                Column("Modified", time=True),
                Column("Keys", right=True),
                Column("Values", right=True),
                Column("Key", style="bold"),
                Column("Class"),
            ),
            (
                (format_time(row.modified), row.subkeys, row.values, row.key, row.class_name)
                for row in report.keys
            ),
        )
    out.show(report, schema="imgtools.registry.list/1", view=lambda: view)
