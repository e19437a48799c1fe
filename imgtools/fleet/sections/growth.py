"""How much room is taken, run by run: within the guests, and by the images on their host."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, Double, cast, func, select

from imgtools.fleet.newest import Runs, in_utc
from imgtools.fleet.part import Part, many, row, unasked
from imgtools.fleet.schema import KIND_TABLES, RUN_IMAGES, RUNS
from imgtools.reports.charts import Line, LineChart, Point
from imgtools.reports.page import Section
from imgtools.units import format_size

MOST_RUNS = 60


class _Source(NamedTuple):
    """Where sizes are, and what they are called."""

    title: str
    kind: str
    table: str
    taken: str
    whole: str
    words: tuple[str, str]


DF = _Source("Growth: what guests use", "df", "usage", "used", "size", ("used", "size"))
INFO = _Source(
    "Growth: what images take", "info", "disks", "actual_size", "virtual_size", ("on the host", "promised")
)


class _Sum(NamedTuple):
    run: int
    seconds: float
    time: str
    images: int
    taken: int
    whole: int


def used(connection: Connection, runs: Runs, today: date) -> Part:
    """Return what guests use, by run."""
    return _part(connection, runs, DF)


def taken(connection: Connection, runs: Runs, today: date) -> Part:
    """Return what images take, by run."""
    return _part(connection, runs, INFO)


def _part(connection: Connection, runs: Runs, source: _Source) -> Part:
    if source.kind not in runs:
        return Part(unasked(source.title, source.kind))
    sums = _sums(connection, source)
    rows = []
    for number, one in enumerate(sums):
        change = one.taken - sums[number - 1].taken if number else 0
        state = "first" if number == 0 else "more" if change > 0 else "less" if change < 0 else "the same"
        text = f"{format_size(one.taken)} {source.words[0]} of {format_size(one.whole)}, "
        text += many(one.images, "image")
        text += f"; {'+' if change > 0 else ''}{format_size(change)}" if change else ""
        rows.append(row(state, f"run {one.run}", text, one.time))
    charts = (_chart(sums, source),) if len(sums) > 1 else ()
    columns = ("Change", "Run", "Room", "When")
    note = f"The newest {MOST_RUNS} runs." if len(sums) == MOST_RUNS else ""
    return Part(Section(source.title, tuple(reversed(rows)), True, columns, charts, note))


def _sums(connection: Connection, source: _Source) -> list[_Sum]:
    """Return what each run says, the oldest first. Sums are of floating point: a guest may say any size."""
    table = KIND_TABLES[source.table]
    columns = (table.c[source.taken], table.c[source.whole])
    sums = [func.coalesce(func.sum(cast(column, Double)), 0.0) for column in columns]
    images = func.count(RUN_IMAGES.c.image_id.distinct())
    wanted = (
        select(RUNS.c.id, RUNS.c.ended, images, *sums)
        .select_from(RUNS)
        .join(RUN_IMAGES, RUN_IMAGES.c.run_id == RUNS.c.id)
        .join(table, table.c.answer_id == RUN_IMAGES.c.answer_id)
        .where(RUNS.c.kind == source.kind, RUNS.c.state == "done")
        .group_by(RUNS.c.id, RUNS.c.ended)
        .order_by(RUNS.c.id.desc())
        .limit(MOST_RUNS)
    )
    found = []
    for run, ended, number, *sizes in connection.execute(wanted):
        time = in_utc(ended)
        found.append(_Sum(run, time.timestamp(), f"{time:%Y-%m-%dT%H:%M:%SZ}", number, *map(int, sizes)))
    return found[::-1]


def _chart(sums: list[_Sum], source: _Source) -> LineChart:
    names = zip(
        source.words,
        ("mild", "plain"),
        ([one.taken for one in sums], [one.whole for one in sums]),
        strict=True,
    )
    lines = tuple(
        Line(
            name,
            tone,
            tuple(
                Point(one.seconds, size, f"{format_size(size)} on {one.time}")
                for one, size in zip(sums, sizes, strict=True)
            ),
        )
        for name, tone, sizes in names
    )
    top = format_size(max(max(one.taken, one.whole) for one in sums))
    return LineChart("Room by run", lines, top, (sums[0].time, sums[-1].time))
