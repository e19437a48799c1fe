"""imgtools fleet report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output
from imgtools.cli.command.shared_options import Database, Overwrite
from imgtools.cli.output.views import Column, Table

if TYPE_CHECKING:
    from imgtools.fleet.reports import FleetReport

WAITS = True
EXAMPLES = (
    "imgtools fleet report fleet.html",
    "imgtools fleet report /var/www/html/fleet.html --overwrite --database postgresql://db.example.com/fleet",
)
NOTES = """
The page is one file, which needs no other and no network: systems and until when they get updates, how full
filesystems are, what audits and diagnoses found, images without an answer, what several images have in common, packages
in several versions, growth. Of each question its newest run counts that came to its end. A section whose question was
never asked says which `imgtools fleet run` fills it.

Until when a release gets updates is read from the host's files (distro-info-data, osinfo-db).
"""


def command(
    out: Output,
    file: Annotated[Path, typer.Argument(metavar="FILE.html", help="The page to write.", show_default=False)],
    database: Database = "imgtools-fleet.sqlite",
    overwrite: Overwrite = False,
) -> None:
    """Write a fleet at a glance as a page for a browser."""
    from imgtools.fleet.libraries import DATABASE, require

    require(*DATABASE)
    from imgtools.fleet.report_file import write_report

    report = write_report(database, file, overwrite=overwrite)
    out.show(report, schema="imgtools.fleet.report/1", view=lambda: _table(report))
    out.summary(report.verdict)


def _table(report: FleetReport) -> Table:
    columns = [Column("Section", style="bold"), Column("Rows", right=True), Column("Note")]
    return Table(columns, ([one.title, one.rows, one.note] for one in report.sections))
