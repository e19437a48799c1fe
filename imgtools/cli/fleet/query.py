"""imgtools fleet query."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output
from imgtools.cli.command.shared_options import Database
from imgtools.cli.output.views import Column, Table, View

EXAMPLES = (
    'imgtools fleet query "SELECT image, device, use_percent FROM latest_usage WHERE use_percent > 90"',
    "imgtools fleet query --json \"SELECT image, version FROM latest_packages WHERE name = 'openssl'\"",
)
NOTES = """
[The tables](../fleet.md) are those of the runs, and for each of them there is a view `latest_...` with the newest
answer of each image. Nothing can be changed by a query: SQLite is opened read-only, PostgreSQL in a transaction that
only reads.
"""
WAITS = True
SCHEMA = "imgtools.fleet.query/1"


def command(
    out: Output,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT.", show_default=False)],
    database: Database = "imgtools-fleet.sqlite",
) -> None:
    """Put a question in SQL to the answers of a fleet."""
    from imgtools.fleet.libraries import DATABASE, require

    require(*DATABASE)
    from imgtools.fleet.query import open_query

    with open_query(database, sql) as found:

        def view() -> View:
            rows = ([None if cell is None else str(cell) for cell in row] for row in found.rows)
            return Table([Column(name) for name in found.columns], rows)

        rows = ([_json(cell) for cell in row] for row in found.rows)
        out.show_long(lambda: found.report(()), rows, field="rows", schema=SCHEMA, view=view)


def _json(cell: object) -> object:
    if isinstance(cell, Decimal):  # what PostgreSQL makes of a sum
        return int(cell) if cell == int(cell) else float(cell)
    return cell if cell is None or isinstance(cell, bool | int | float | str) else str(cell)
