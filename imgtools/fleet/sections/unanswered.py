"""Images that have no answer, and why."""

from __future__ import annotations

from collections import Counter
from datetime import date

from sqlalchemy import Connection

from imgtools.fleet.newest import Runs, of_run
from imgtools.fleet.part import Part, first_rows, many, row
from imgtools.fleet.schema import ANSWERS, IMAGES
from imgtools.reports.charts import Bar, BarChart
from imgtools.reports.page import Section

TITLE = "Images without an answer"


def unanswered(connection: Connection, runs: Runs, today: date) -> Part:
    """Return the images that failed, each reason once with the questions that it had."""
    found: dict[tuple[int, str, str], tuple[str, str, list[str]]] = {}
    for kind, run in runs.items():
        columns = (IMAGES.c.id, ANSWERS.c.error, ANSWERS.c.message, IMAGES.c.path, ANSWERS.c.hint)
        wanted = of_run(run, ANSWERS, *columns).where(~ANSWERS.c.ok).order_by(IMAGES.c.id)
        for image, error, message, path, hint in connection.execute(wanted):
            found.setdefault((image, error, message), (path, hint, []))[2].append(kind)
    rows, note = first_rows(
        [
            row(
                "no answer",
                error,
                message,
                path,
                (("Asked", ", ".join(kinds)), *((("To do", hint),) if hint else ())),
            )
            for (_, error, message), (path, hint, kinds) in sorted(found.items())
        ]
    )
    images = len({image for image, _, _ in found})
    errors = Counter(error for _, error in {(image, error) for image, error, _ in found})
    bars = [
        Bar(error, number, str(number), "bad")
        for error, number in sorted(errors.items(), key=lambda one: (-one[1], one[0]))
    ]
    section = Section(
        TITLE,
        rows,
        columns=("State", "Error", "Why", "Image"),
        charts=(BarChart("Images by error", tuple(bars)),) if bars else (),
        note=note,
    )
    return Part(section, f"{many(images, 'image')} without an answer" if images else "")
