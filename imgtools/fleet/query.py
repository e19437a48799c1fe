"""Put a question in SQL to a fleet's database; nothing can be changed by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from imgtools.errors import BadQuery, FleetDatabaseUnfit
from imgtools.fleet.database import place_of, read_only, shown
from imgtools.fleet.reports import QueryReport

PIECE = 1000  # rows that are held at a time


class OpenQuery(NamedTuple):
    """A query whose rows come as they are taken."""

    database: str
    columns: tuple[str, ...]
    rows: Iterator[Sequence[Any]]

    def report(self, rows: tuple[tuple[Any, ...], ...]) -> QueryReport:
        """Return what was found, with these rows of it."""
        return QueryReport(self.database, self.columns, rows)


def query(database: str, sql: str) -> QueryReport:
    """Return all rows of a query.

    :raises BadQuery: the database does not understand it, or it would change something.
    """
    with open_query(database, sql) as found:
        return found.report(tuple(tuple(row) for row in found.rows))


@contextmanager
def open_query(database: str, sql: str) -> Iterator[OpenQuery]:
    """Begin a query.

    :param sql: one statement in the words of the database; a percent sign is nothing but that.
    :raises BadQuery: the database does not understand it, or it would change something.
    :raises FleetDatabaseUnfit: the database cannot be read.
    """
    place = place_of(database)
    with read_only(place) as connection:
        cursor = _begin(connection, place, sql)
        if cursor.description is None:
            raise BadQuery("it asks for nothing", hint="a query begins with SELECT or WITH")
        columns = tuple(str(one[0]) for one in cursor.description)
        yield OpenQuery(shown(place), columns, _rows(cursor, place))


def _begin(connection: Connection, place: URL, sql: str) -> Any:  # Any: a cursor of the driver
    driver: Any = connection.connection.dbapi_connection
    cursor = driver.cursor()
    try:
        if place.drivername == "sqlite":
            cursor.execute(sql)
        else:
            # With a snapshot taken, a transaction that only reads stays one; prepared, a query is one statement.
            connection.execute(text("SELECT 1"))
            cursor.execute(sql, prepare=True)
    except (DBAPIError, place.get_dialect().import_dbapi().Error, ValueError) as error:
        raise _named(error) from None
    return cursor


def _rows(cursor: Any, place: URL) -> Iterator[Sequence[Any]]:  # Any: a cursor of the driver
    try:
        while rows := cursor.fetchmany(PIECE):
            yield from rows
    except place.get_dialect().import_dbapi().Error as error:
        raise _named(error) from None


def _named(error: Exception) -> BadQuery | FleetDatabaseUnfit:
    said = " ".join(str(error).split())
    if any(words in said for words in ("readonly", "read-only", "not authorized")):
        return BadQuery(f"it would change something: {said}", hint="a query only reads")
    return BadQuery(said, hint="docs/fleet.md has the tables, and queries that are ready")
