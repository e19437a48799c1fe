"""What two machines must not have in common: machine IDs, host names, UUIDs of filesystems."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection

from imgtools.fleet.newest import Runs, of_run
from imgtools.fleet.part import COMMAND, Part, Tally, count, first_rows, many, row, unasked
from imgtools.fleet.schema import IMAGES, KIND_TABLES
from imgtools.reports.page import Section, weight

TITLE = "Duplicates"
# What it is called, the questions that tell it (one is enough), and the table and column where it is.
SOURCES = (
    ("machine ID", (("inspect", "guests", "machine_id"),)),
    ("host name", (("inspect", "guests", "hostname"),)),
    ("filesystem UUID", (("df", "usage", "uuid"), ("filesystems", "filesystems", "uuid"))),
)
# What systemd writes into the file of a machine that has not got one yet: machine-id(5).
NONE_YET = ("", "uninitialized")


def duplicates(connection: Connection, runs: Runs, today: date) -> Part:
    """Return what several images have in common, by kind of it and how many."""
    found: list[tuple[str, str, Tally]] = []
    missing = []
    for state, sources in SOURCES:
        asked = [one for one in sources if one[0] in runs]
        if not asked:
            missing.append((state, sources[0][0]))
            continue
        tallies = _values(connection, runs, *asked[0])
        found += [(state, value, tally) for value, tally in tallies.items() if tally.images > 1]
    if len(missing) == len(SOURCES):
        return Part(unasked(TITLE, "inspect", "df"))
    found.sort(key=lambda one: (weight(one[0]), one[0], -one[2].images, one[1]))
    rows, note = first_rows(
        [row(state, value, tally.some, str(tally.images), tally.more) for state, value, tally in found]
    )
    notes = [note, *(f"No {state} is known: {COMMAND.format(kind)} tells." for state, kind in missing)]
    columns = ("What", "Value", "Where", "Images")
    section = Section(TITLE, rows, bool(rows), columns, note=" ".join(filter(None, notes)))
    machines = sum(state == "machine ID" for state, _, _ in found)
    return Part(section, f"{many(machines, 'machine ID')} in more than one image" if machines else "")


def _values(connection: Connection, runs: Runs, kind: str, name: str, column: str) -> Mapping[str, Tally]:
    table = KIND_TABLES[name]
    wanted = (
        of_run(runs[kind], table, table.c[column], IMAGES.c.id, IMAGES.c.path)
        .where(table.c[column].not_in(NONE_YET))
        .order_by(IMAGES.c.id, table.c.position)
    )
    return count((value, image, path, "") for value, image, path in connection.execute(wanted))
