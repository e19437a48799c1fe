"""What audits and diagnoses have found, the worst first, and in how many images."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from imgtools.fleet.newest import Runs, of_run
from imgtools.fleet.part import Part, count, first_rows, many, row, unasked
from imgtools.fleet.schema import IMAGES, KIND_TABLES
from imgtools.reports.charts import Bar, BarChart
from imgtools.reports.page import TONES, Section, weight


class _Source(NamedTuple):
    """Where findings are: their kind and table, and the column of what names one."""

    title: str
    kind: str
    table: str
    name: str
    bad: tuple[str, ...]  # severities that stand out
    alarm: str


AUDIT = _Source(
    "Findings of audits",
    "audit",
    "findings",
    "check_id",
    ("critical", "high"),
    "with critical or high findings",
)
DIAGNOSE = _Source(
    "What keeps guests from booting", "diagnose", "boot_findings", "finding", ("broken",), "that may not boot"
)


def audits(connection: Connection, runs: Runs, today: date) -> Part:
    """Return what audits found, without what a policy lets be."""
    return _part(connection, runs, AUDIT)


def diagnoses(connection: Connection, runs: Runs, today: date) -> Part:
    """Return what diagnoses found."""
    return _part(connection, runs, DIAGNOSE)


def _part(connection: Connection, runs: Runs, source: _Source) -> Part:
    if (run := runs.get(source.kind)) is None:
        return Part(unasked(source.title, source.kind))
    table = KIND_TABLES[source.table]
    columns = (table.c.severity, table.c[source.name], IMAGES.c.id, IMAGES.c.path, table.c.text)
    wanted = of_run(run, table, *columns).order_by(IMAGES.c.id, table.c.position)
    if "waived" in table.c:
        wanted = wanted.where(table.c.waived == "")
    found = [tuple(one) for one in connection.execute(wanted)]
    kinds = count(((severity, name), image, path, text) for severity, name, image, path, text in found)
    severities = count((severity, image, path, "") for severity, _, image, path, _ in found)
    bad = count((True, image, path, "") for severity, _, image, path, _ in found if severity in source.bad)
    rows, note = first_rows(
        [
            row(severity, name, tally.text, str(tally.images), tally.more)
            for (severity, name), tally in sorted(
                kinds.items(), key=lambda one: (weight(one[0][0]), -one[1].images, one[0])
            )
        ]
    )
    bars = [
        Bar(
            severity,
            tally.images,
            f"{tally.images} ({many(tally.rows, 'finding')})",
            TONES.get(severity, "plain"),
        )
        for severity, tally in sorted(severities.items(), key=lambda one: (weight(one[0]), one[0]))
    ]
    section = Section(
        source.title,
        rows,
        columns=("Severity", "Finding", "What", "Images"),
        charts=(BarChart("Images by severity of what was found", tuple(bars)),) if bars else (),
        note=note,
    )
    return Part(section, f"{many(bad[True].images, 'image')} {source.alarm}" if bad else "")
