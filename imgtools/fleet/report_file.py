"""Write a fleet at a glance into a file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from imgtools.fleet.database import place_of, read_only, refuse_own_file, shown
from imgtools.fleet.page import page_of_fleet
from imgtools.fleet.reports import FleetReport, ReportSection
from imgtools.records.request import ImageRequest
from imgtools.reports.html import to_html
from imgtools.reports.page import Page
from imgtools.reports.report_file import refuse_other_names
from imgtools.workflows.text_file import write_text_file

SUFFIX = ".html"


def write_report(
    database: str, target: Path, *, overwrite: bool = False, today: date | None = None
) -> FleetReport:
    """Write a page, which takes its place whole; all that it says is of one moment.

    :param target: its name ends in ``.html``.
    :param overwrite: take the place of a file that is there.
    :param today: by which releases are past their end.
    :raises UsageError: the name has another end, or it is the database itself.
    :raises TargetExists: there is such a file. HostError: it cannot be written. NoRoom: the disk is full.
    :raises FleetDatabaseUnfit: the database cannot be read. NoSuchRun: nobody has asked anything yet.
    """
    refuse_other_names([target], (SUFFIX,))
    place = place_of(database)
    refuse_own_file(place, target)
    pages: list[Page] = []

    def make() -> str:
        with read_only(place) as connection:
            pages.append(page_of_fleet(connection, shown(place), today or date.today()))
        return to_html(pages[0])

    write_text_file(ImageRequest(()), target, make, overwrite=overwrite)
    (page,) = pages
    sections = tuple(ReportSection(one.title, len(one.rows), one.note) for one in page.sections)
    return FleetReport(shown(place), target, page.verdict, page.good, sections)
