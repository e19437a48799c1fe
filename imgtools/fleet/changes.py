"""What changed in a fleet from one run to another of the same question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from imgtools.errors import NoSuchRun
from imgtools.fleet.database import place_of, read_only, shown
from imgtools.fleet.kind import Kind, Table, load_kind
from imgtools.fleet.reports import ChangesReport, FleetChange
from imgtools.fleet.schema import ANSWERS, IMAGES, KIND_TABLES, RUN_IMAGES
from imgtools.fleet.store import kind_of_run


class OpenChanges(NamedTuple):
    """Changes that come as they are taken."""

    database: str
    kind: str
    first: int
    second: int
    changes: Iterator[FleetChange]

    def report(self, changes: tuple[FleetChange, ...]) -> ChangesReport:
        """Return what changed, with these changes of it."""
        return ChangesReport(self.database, self.kind, self.first, self.second, changes)


def changes(database: str, first: int, second: int) -> ChangesReport:
    """Return all changes from one run to another.

    :raises NoSuchRun: there is none of a number, or they asked different questions.
    """
    with open_changes(database, first, second) as found:
        return found.report(tuple(found.changes))


@contextmanager
def open_changes(database: str, first: int, second: int) -> Iterator[OpenChanges]:
    """Begin to compare two runs.

    :raises NoSuchRun: there is none of a number, or they asked different questions.
    :raises FleetDatabaseUnfit: the database cannot be read.
    """
    place = place_of(database)
    with read_only(place) as connection:
        kinds = [kind_of_run(connection, run) for run in (first, second)]
        if kinds[0] != kinds[1]:
            raise NoSuchRun(
                f"run {first} asked for {kinds[0]}, and run {second} for {kinds[1]}",
                hint="compare two runs that asked the same",
            )
        found = _changes(connection, load_kind(kinds[0]), first, second)
        yield OpenChanges(shown(place), kinds[0], first, second, found)


def _changes(connection: Connection, kind: Kind, first: int, second: int) -> Iterator[FleetChange]:
    before, after = _answers(connection, first), _answers(connection, second)
    both = {**before, **after}
    for image in sorted(both, key=lambda image: (both[image].path, image)):
        old, new = before.get(image), after.get(image)
        if old is None or new is None:
            path = (old or after[image]).path
            yield FleetChange(path, "new" if old is None else "gone")
        elif old.id != new.id:
            yield from _of_image(connection, kind, old, new)


class _Answer(NamedTuple):
    """An answer that counts in a run."""

    id: int
    path: str
    ok: bool
    message: str


def _answers(connection: Connection, run: int) -> Mapping[int, _Answer]:
    wanted = (
        select(RUN_IMAGES.c.image_id, ANSWERS.c.id, IMAGES.c.path, ANSWERS.c.ok, ANSWERS.c.message)
        .join(ANSWERS, ANSWERS.c.id == RUN_IMAGES.c.answer_id)
        .join(IMAGES, IMAGES.c.id == RUN_IMAGES.c.image_id)
        .where(RUN_IMAGES.c.run_id == run)
    )
    return {image: _Answer(*rest) for image, *rest in connection.execute(wanted)}


def _of_image(connection: Connection, kind: Kind, old: _Answer, new: _Answer) -> Iterator[FleetChange]:
    if old.ok != new.ok:
        yield FleetChange(new.path, "answered" if new.ok else "failed", old=old.message, new=new.message)
    if not (old.ok and new.ok):
        return
    for name, table in kind.tables.items():
        before, after = (_rows(connection, name, table, one.id) for one in (old, new))
        for key in sorted({*before, *after}):
            yield from _of_row(new.path, name, key, before.get(key), after.get(key))


def _rows(connection: Connection, name: str, table: Table, answer: int) -> Mapping[str, Mapping[str, Any]]:
    """Return the rows of an answer by what tells them apart; of several that nothing does, each has a number."""
    target = KIND_TABLES[name]
    columns = list(table.columns())
    wanted = (
        select(*(target.c[one] for one in columns))
        .where(target.c.answer_id == answer)
        .order_by(target.c.position)
    )
    found: dict[str, Mapping[str, Any]] = {}
    for row in connection.execute(wanted):
        cells = dict(zip(columns, row, strict=True))
        key = " ".join(str(cells[one]) for one in table.key if cells[one] not in ("", None))
        number, whole = 1, key
        while whole in found:
            number += 1
            whole = f"{key} ({number})"
        found[whole] = cells
    return found


def _of_row(
    path: str, table: str, key: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> Iterator[FleetChange]:
    if old is None or new is None:
        yield FleetChange(path, "new" if old is None else "gone", table, key)
        return
    for column, value in new.items():
        if old[column] != value:
            yield FleetChange(path, "changed", table, key, column, _text(old[column]), _text(value))


def _text(value: Any) -> str | None:  # Any: what a database holds
    return None if value is None else str(value)
