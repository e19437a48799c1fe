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
    "imgtools fleet export --prometheus /var/lib/prometheus/node-exporter/fleet.prom --overwrite",
)
NOTES = """
Each table is a file of that name: `fleet/usage.parquet`. All are of one moment, also while a run writes. What holds
many rows is written piece by piece. DuckDB reads the files as they are:
`SELECT count(*) FROM 'fleet/packages.parquet'`.

`--prometheus` writes [metrics](../fleet.md) for the textfile collector of Prometheus' node exporter. The file takes its
place whole, so that a collector never reads half of one.
"""


def command(
    out: Output,
    parquet: Annotated[
        Path | None,
        typer.Option("--parquet", metavar="FOLDER", help="Write a Parquet file for each table in here."),
    ] = None,
    prometheus: Annotated[
        Path | None,
        typer.Option(
            "--prometheus", metavar="FILE", help="Write metrics for Prometheus; its name ends in .prom."
        ),
    ] = None,
    database: Database = "imgtools-fleet.sqlite",
    overwrite: Overwrite = False,
) -> None:
    """Write the answers of a fleet as Parquet, or as metrics."""
    from imgtools.fleet.exporting import export_as

    report = export_as(database, parquet=parquet, prometheus=prometheus, overwrite=overwrite)
    out.show(report, schema="imgtools.fleet.export/1", view=lambda: _table(report))


def _table(report: FleetExport) -> Table:
    rows: list[list[Cell]] = [[one.table, one.rows, str(one.host_path)] for one in report.tables]
    if report.metrics is not None:
        rows.append(["metrics", report.metrics.series, str(report.metrics.host_path)])
    return Table([Column("Table", style="bold"), Column("Rows", right=True), Column("File")], rows)
