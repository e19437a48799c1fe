"""What a run writes into the database: each answer whole or not at all, as it comes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from imgtools import __version__
from imgtools.errors import NoSuchRun
from imgtools.fleet.identity import Identity
from imgtools.fleet.kind import Kind, Moment
from imgtools.fleet.schema import ANSWERS, IMAGES, KIND_TABLES, RUN_IMAGES, RUNS, WARNINGS
from imgtools.fleet.work import Answer

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_AGO, _FARTHEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


class Known(NamedTuple):
    """The newest answer of an image of a kind."""

    answer_id: int
    identity: str
    ok: bool


class Store:
    """Writes a run into a database that is open to write; every call is a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        dialect = connection.dialect.name
        maker = postgresql.insert if dialect == "postgresql" else sqlite.insert
        self._new_image = maker(IMAGES).on_conflict_do_nothing()

    def begin_run(self, kind: str, images: int) -> int:
        """Note a run that begins, and return its number. Runs of this host that were cut before are told so."""
        with self._connection.begin():
            found = self._connection.execute(
                insert(RUNS).returning(RUNS.c.id),
                {
                    "kind": kind,
                    "state": "running",
                    "started": now(),
                    "images": images,
                    "version": __version__,
                },
            )
            number: int = found.scalar_one()
            return number

    def end_run(self, run: int, state: str) -> None:
        """Note that a run has ended: ``done`` or ``cut``."""
        with self._connection.begin():
            self._connection.execute(update(RUNS).where(RUNS.c.id == run).values(state=state, ended=now()))

    def image(self, name: str) -> int:
        """Return the number of an image, which it gets when it is seen first."""
        path, path_b64 = _path(name)
        wanted = select(IMAGES.c.id).where(IMAGES.c.path == path, IMAGES.c.path_b64 == path_b64)
        with self._connection.begin():
            found: int | None = self._connection.execute(wanted).scalar_one_or_none()
            if found is None:
                self._connection.execute(self._new_image, {"path": path, "path_b64": path_b64})
                found = int(self._connection.execute(wanted).scalar_one())
            return found

    def known(self, image: int, kind: str) -> Known | None:
        """Return the newest answer of an image; None if it was never asked."""
        wanted = (
            select(ANSWERS.c.id, ANSWERS.c.identity, ANSWERS.c.ok)
            .where(ANSWERS.c.image_id == image, ANSWERS.c.kind == kind)
            .order_by(ANSWERS.c.id.desc())
            .limit(1)
        )
        with self._connection.begin():
            row = self._connection.execute(wanted).one_or_none()
            return None if row is None else Known(*row)

    def counted(self, run: int, image: int) -> Known | None:
        """Return the answer of an image that counts in a run; None if there is none."""
        wanted = (
            select(ANSWERS.c.id, ANSWERS.c.identity, ANSWERS.c.ok)
            .join(RUN_IMAGES, RUN_IMAGES.c.answer_id == ANSWERS.c.id)
            .where(RUN_IMAGES.c.run_id == run, RUN_IMAGES.c.image_id == image)
        )
        with self._connection.begin():
            row = self._connection.execute(wanted).one_or_none()
            return None if row is None else Known(*row)

    def kind_of(self, run: int) -> str:
        """Return the kind of a run.

        :raises NoSuchRun: there is none of this number.
        """
        with self._connection.begin():
            return kind_of_run(self._connection, run)

    def keep(self, run: int, image: int, answer_id: int) -> None:
        """Let an earlier answer count in a run."""
        with self._connection.begin():
            self._counts(run, image, answer_id)

    def add(self, run: int, image: int, name: str, kind: Kind, identity: Identity, answer: Answer) -> None:
        """Write an answer with all its rows."""
        failure = answer.failure
        with self._connection.begin():
            answer_id = self._connection.execute(
                insert(ANSWERS).returning(ANSWERS.c.id),
                {
                    "run_id": run,
                    "image_id": image,
                    "kind": name,
                    "identity": identity.text,
                    "size": identity.size,
                    "modified": None if identity.modified is None else time_of(identity.modified),
                    "answered": now(),
                    "seconds": answer.seconds,
                    "host": answer.host,
                    "ok": failure is None,
                    "exit_code": answer.exit_code,
                    "error": failure.error if failure else "",
                    "message": failure.message if failure else "",
                    "hint": failure.hint if failure else "",
                },
            ).scalar_one()
            warnings = [
                {"answer_id": answer_id, "position": position, "text": text, "path": path}
                for position, (text, path) in enumerate(answer.warnings)
            ]
            if warnings:
                self._connection.execute(insert(WARNINGS), warnings)
            for table in answer.rows:
                self._add_rows(answer_id, table, kind, answer)
            self._counts(run, image, answer_id)

    def _add_rows(self, answer_id: int, table: str, kind: Kind, answer: Answer) -> None:
        columns = kind.tables[table].columns()
        rows = [
            {
                "answer_id": answer_id,
                "position": position,
                **{name: _value(columns[name], cell) for name, cell in zip(columns, row, strict=True)},
            }
            for position, row in enumerate(answer.rows[table])
        ]
        if rows:
            self._connection.execute(insert(KIND_TABLES[table]), rows)

    def _counts(self, run: int, image: int, answer_id: int) -> None:
        values: Mapping[str, int] = {"run_id": run, "image_id": image, "answer_id": answer_id}
        self._connection.execute(insert(RUN_IMAGES), values)


def kind_of_run(connection: Connection, run: int) -> str:
    """Return the kind of a run.

    :raises NoSuchRun: there is none of this number.
    """
    kind = connection.execute(select(RUNS.c.kind).where(RUNS.c.id == run)).scalar_one_or_none()
    if kind is None:
        raise NoSuchRun(
            f"there is no run {run}", hint='imgtools fleet query "SELECT id, kind, state, started FROM runs"'
        )
    return str(kind)


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def time_of(nanoseconds: int) -> datetime:
    """Return a time of a guest or host, in UTC; one that no calendar has is the first or last that it has."""
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return _FARTHEST if nanoseconds > 0 else _LONGEST_AGO


def _value(kind: Any, cell: Any) -> Any:  # Any: a type, a cell of it
    return time_of(cell) if cell is not None and kind in (Moment, Moment | None) else cell


def _path(name: str) -> tuple[str, str]:
    """Return a name as a database holds it, and its bytes in base64 where that is another."""
    raw = name.encode("utf-8", "surrogateescape")
    text = raw.decode("utf-8", "replace")
    return text, "" if text == name else base64.b64encode(raw).decode("ascii")
