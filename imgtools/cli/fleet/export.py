"""imgtools fleet export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output
from imgtools.cli.command.shared_options import Database, Overwrite
from imgtools.cli.output.views import Cell, Column, Table

if TYPE_CHECKING:
    from imgtools.fleet.reports import FleetExport

WAITS = True
EXAMPLES = (
    "imgtools fleet export --parquet fleet",
    "imgtools fleet export --parquet fleet --overwrite",
)
NOTES = """
Each table is a file of that name: `fleet/usage.parquet`. All are of one moment, also while a run writes. What holds
many rows is written piece by piece. DuckDB reads the files as they are:
`SELECT count(*) FROM 'fleet/packages.parquet'`.
"""


def command(
    out: Output,
    parquet: Annotated[
        Path, typer.Option("--parquet", metavar="FOLDER", help="Write a Parquet file for each table in here.")
    ],
    database: Database = "imgtools-fleet.sqlite",
    overwrite: Overwrite = False,
) -> None:
    """Write the answers of a fleet as Parquet, for DuckDB, pandas and Spark."""
    from imgtools.fleet.libraries import DATABASE, PARQUET, require

    require(*DATABASE, *PARQUET)
    from imgtools.fleet.export import export

    report = export(database, parquet, overwrite=overwrite)
    out.show(report, schema="imgtools.fleet.export/1", view=lambda: _table(report))


def _table(report: FleetExport) -> Table:
    rows: list[list[Cell]] = [[one.table, one.rows, str(one.host_path)] for one in report.tables]
    return Table([Column("Table", style="bold"), Column("Rows", right=True), Column("File")], rows)
