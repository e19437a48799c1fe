"""What counts of a fleet: of each question the newest run that came to its end.

So an image that is gone, or fails, keeps no old answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, func, select

from imgtools.fleet.schema import ANSWERS, IMAGES, RUN_IMAGES, RUNS

Run = Row[Any]
Runs = Mapping[str, Run]  # by the kind of question


def newest_runs(connection: Connection) -> Runs:
    """Return the newest run of each kind that came to its end."""
    newest = select(func.max(RUNS.c.id)).where(RUNS.c.state == "done").group_by(RUNS.c.kind)
    return {
        one.kind: one
        for one in connection.execute(select(RUNS).where(RUNS.c.id.in_(newest)).order_by(RUNS.c.kind))
    }


def of_run(run: Run, table: Table, *columns: Any) -> Select[Any]:  # Any: columns of sqlalchemy
    """Select what counts in a run of a table of its kind, or of the answers, and of the images that they are of."""
    key = table.c.id if table is ANSWERS else table.c.answer_id
    return (
        select(*columns)
        .select_from(table)
        .join(RUN_IMAGES, RUN_IMAGES.c.answer_id == key)
        .join(IMAGES, IMAGES.c.id == RUN_IMAGES.c.image_id)
        .where(RUN_IMAGES.c.run_id == run.id)
    )


def in_utc(time: datetime) -> datetime:
    """Return a moment of a database in UTC; SQLite's have no zone, and are that."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
