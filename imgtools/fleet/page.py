"""A fleet at a glance, as a page: a section for each thing that one asks first."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, func, select

from imgtools.errors import NoSuchRun
from imgtools.fleet.newest import Runs, in_utc, newest_runs
from imgtools.fleet.part import COMMAND, many
from imgtools.fleet.schema import RUN_IMAGES
from imgtools.fleet.sections.duplicates import duplicates
from imgtools.fleet.sections.findings import audits, diagnoses
from imgtools.fleet.sections.fullness import fullness
from imgtools.fleet.sections.growth import taken, used
from imgtools.fleet.sections.packages import packages
from imgtools.fleet.sections.systems import systems
from imgtools.fleet.sections.unanswered import unanswered
from imgtools.reports.page import Page

SECTIONS = (systems, fullness, audits, diagnoses, unanswered, duplicates, packages, used, taken)


def page_of_fleet(connection: Connection, database: str, today: date) -> Page:
    """Return what is known of a fleet: of each question what its newest run says that came to its end.

    A section that has nothing to say is left out; one whose question was never asked says so.

    :param database: how it is called.
    :param today: the day by which releases are past their end.
    :raises NoSuchRun: no question was ever answered.
    """
    runs = newest_runs(connection)
    if not runs:
        raise NoSuchRun(
            f"{database} has no run that came to its end", hint=f"{COMMAND.format('inspect')} makes one"
        )
    parts = [make(connection, runs, today) for make in SECTIONS]
    alarms = [one.alarm for one in parts if one.alarm]
    facts = (
        ("Database", database),
        ("Day", today.isoformat()),
        ("Images", str(_images(connection, runs))),
        *(fact for one in parts for fact in one.facts),
        ("Asked", _asked(runs)),
    )
    verdict = f"What stands out: {'; '.join(alarms)}." if alarms else "Nothing stands out."
    sections = tuple(one.section for one in parts if one.section.rows or one.section.note)
    return Page("The fleet at a glance", facts, verdict, not alarms, sections)


def _images(connection: Connection, runs: Runs) -> int:
    wanted = select(func.count(RUN_IMAGES.c.image_id.distinct())).where(
        RUN_IMAGES.c.run_id.in_([one.id for one in runs.values()])
    )
    return int(connection.execute(wanted).scalar_one())


def _asked(runs: Runs) -> str:
    return "\n".join(
        f"{kind}: run {run.id}, {in_utc(run.ended):%Y-%m-%d %H:%M} UTC, {many(run.images, 'image')}"
        for kind, run in runs.items()
    )
