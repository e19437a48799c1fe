"""How full the fleet's filesystems are."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, Double, Row, cast, func

from imgtools.fleet.newest import Run, Runs, of_run
from imgtools.fleet.part import MOST, Part, many, row, unasked
from imgtools.fleet.schema import IMAGES, KIND_TABLES
from imgtools.reports.charts import Bar, BarChart
from imgtools.reports.page import Row as PageRow
from imgtools.reports.page import Section
from imgtools.units import format_size

TITLE = "How full"
FULL, NEARLY = 95, 85  # percent
# From how many percent on, to how many; and how that looks.
STEPS = (
    (None, 50, "good"),
    (50, 75, "good"),
    (75, NEARLY, "mild"),
    (NEARLY, FULL, "warn"),
    (FULL, None, "bad"),
)
# They are made as large as what is in them.
ALWAYS_FULL = ("iso9660", "udf", "squashfs", "erofs", "cramfs", "romfs")


def fullness(connection: Connection, runs: Runs, today: date) -> Part:
    """Return the fullest filesystems, and how many there are of which fullness."""
    if (run := runs.get("df")) is None:
        return Part(unasked(TITLE, "df"))
    table = KIND_TABLES["usage"]
    known = (table.c.use_percent.is_not(None), table.c.content.not_in(ALWAYS_FULL))
    sums = [func.sum(cast(column, Double)) for column in (table.c.used, table.c.size)]
    whole = connection.execute(of_run(run, table, func.count(), *sums).where(*known)).one()
    unread = connection.execute(of_run(run, table, func.count()).where(table.c.problem != "")).scalar_one()
    wanted = (
        of_run(run, table, table, IMAGES.c.path)
        .where(*known)
        .order_by(table.c.use_percent.desc(), IMAGES.c.id, table.c.position)
        .limit(MOST)
    )
    steps = [_step(connection, run, step) for step in STEPS]
    number, used, size = whole[0], int(whole[1] or 0), int(whole[2] or 0)
    notes = [f"The {MOST} fullest of {number}."] if number > MOST else []
    notes += [f"{many(unread, 'filesystem')} could not be read."] if unread else []
    section = Section(
        TITLE,
        tuple(_row(one) for one in connection.execute(wanted)),
        columns=("State", "Used", "Filesystem", "Image"),
        charts=(BarChart("Filesystems by how full they are", tuple(steps)),) if number else (),
        note=" ".join(notes),
    )
    full = round(steps[-1].value)
    fact = f"{number}, {format_size(used)} used of {format_size(size)}"
    alarm = f"{many(full, 'filesystem')} at least {FULL} % full" if full else ""
    return Part(section, alarm, (("Filesystems", fact),) if number else ())


def _step(connection: Connection, run: Run, step: tuple[int | None, int | None, str]) -> Bar:
    """Return how many filesystems are of one fullness."""
    table, (start, end, tone) = KIND_TABLES["usage"], step
    wanted = of_run(run, table, func.count()).where(table.c.content.not_in(ALWAYS_FULL))
    if start is not None:
        wanted = wanted.where(table.c.use_percent >= start)
    if end is not None:
        wanted = wanted.where(table.c.use_percent < end)
    number = int(connection.execute(wanted).scalar_one())
    label = f"{start} % and more" if end is None else f"{start or 0} to {end} %"
    return Bar(label, number, str(number), tone)


def _row(one: Row[tuple[object, ...]]) -> PageRow:
    state = "full" if one.use_percent >= FULL else "nearly full" if one.use_percent >= NEARLY else "room"
    sizes = ", ".join(
        f"{format_size(number)} {word}"
        for number, word in ((one.size, "in all"), (one.used, "used"), (one.available, "free"))
        if number is not None
    )
    return row(
        state, f"{one.use_percent:.1f} %", f"{one.device} {one.content} {one.label}: {sizes}", one.path
    )
