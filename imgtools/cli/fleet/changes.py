"""imgtools fleet changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output
from imgtools.cli.command.shared_options import Database
from imgtools.cli.output.views import Column, Table, View

if TYPE_CHECKING:
    from imgtools.fleet.reports import FleetChange

WAITS = True
EXAMPLES = (
    "imgtools fleet changes 1 2",
    "imgtools fleet changes 11 12 --json --database /srv/fleet.sqlite",
)
NOTES = """
Both runs have asked the same question. Runs are whole: an image that was not asked again counts with the answer that it
gave before. The exit code is 1 if something changed.

`imgtools fleet query "SELECT id, kind, state, started FROM runs"` lists the runs.
"""
SCHEMA = "imgtools.fleet.changes/1"


def command(
    out: Output,
    first: Annotated[int, typer.Argument(metavar="RUN1", help="The number of a run.", show_default=False)],
    second: Annotated[
        int, typer.Argument(metavar="RUN2", help="The number of a later one.", show_default=False)
    ],
    database: Database = "imgtools-fleet.sqlite",
) -> None:
    """Show what changed in a fleet from one run to another."""
    from imgtools.fleet.libraries import DATABASE, require

    require(*DATABASE)
    from imgtools.fleet.changes import open_changes

    count = 0
    with open_changes(database, first, second) as found:

        def counted() -> Iterator[FleetChange]:
            nonlocal count
            for one in found.changes:
                count += 1
                yield one

        changes = counted()

        def view() -> View:
            columns = [
                Column("Image", style="bold"),
                *map(Column, ("What", "Table", "Row", "Column", "Old", "New")),
            ]
            rows = (
                [one.image, one.what, one.table, one.key, one.column, one.old, one.new] for one in changes
            )
            return Table(columns, rows)

        out.show_long(lambda: found.report(()), changes, field="changes", schema=SCHEMA, view=view)
    if count:
        raise typer.Exit(1)
