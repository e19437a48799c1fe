"""A fleet's database: SQLite in a file, or PostgreSQL by its URL; opened to write, or only to read.

To write, the schema is brought up to date first. Whatever goes wrong is named: rights, room, another program's file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine, event, inspect, make_url, text
from sqlalchemy import Engine as Database
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from imgtools.errors import FleetDatabaseUnfit, HostError, ImgtoolsError, NewerDatabase, NoRoom, UsageError
from imgtools.fleet.libraries import POSTGRESQL, require

DEFAULT = "imgtools-fleet.sqlite"
PATIENCE = 30.0  # seconds for another program that writes into the same database
_SCRIPTS = Path(__file__).parent / "migrations"
_VERSIONS = "alembic_version"
_POSTGRESQL = ("postgresql", "postgres")


def place_of(word: str) -> URL:
    """Return where the database is that a user means: ``postgresql://...``, or the path of an SQLite file.

    :raises FleetDatabaseUnfit: it is neither.
    """
    if "://" not in word:
        return URL.create("sqlite", database=str(Path(word).absolute()))
    try:
        url = make_url(word)
    except ArgumentError:
        url = None
    if url is None or url.drivername.partition("+")[0] not in (*_POSTGRESQL, "sqlite"):
        raise FleetDatabaseUnfit(
            f"no such kind of database: {word.partition('://')[0]}://",
            hint="a path, or postgresql://HOST/NAME",
        )
    if url.drivername.startswith("sqlite"):
        return URL.create("sqlite", database=str(Path(url.database or DEFAULT).absolute()))
    require(*POSTGRESQL)
    return url.set(drivername="postgresql+psycopg")


def shown(place: URL) -> str:
    """Return how a database is called, without its password."""
    if place.drivername == "sqlite":
        return str(place.database)
    return place.set(drivername="postgresql").render_as_string(hide_password=True)


def refuse_own_file(place: URL, target: Path) -> None:
    """Let nothing be written into the place of the database itself.

    :raises UsageError: a file is the database.
    """
    if place.drivername == "sqlite":
        with suppress(OSError):
            if target.samefile(str(place.database)):
                raise UsageError(f"{shown(place)} is the database itself", hint="choose another name")


@contextmanager
def writable(place: URL) -> Iterator[Connection]:
    """Open a database to write; what is not there is made, what is older is brought up to date.

    :raises FleetDatabaseUnfit: it cannot be opened or written, or is another program's.
    :raises NewerDatabase: a newer imgtools has made it.
    :raises NoRoom: its disk is full; what was written before is kept.
    """
    if place.drivername == "sqlite":
        _make_file(Path(str(place.database)))
        database = create_engine(place, poolclass=NullPool, connect_args={"timeout": PATIENCE})
        event.listen(database, "connect", _prepare)
        event.listen(database, "begin", _begin)
    else:
        database = create_engine(place, poolclass=NullPool)
    with _opened(database, place, upgrade) as connection:
        yield connection


@contextmanager
def read_only(place: URL) -> Iterator[Connection]:
    """Open a database only to read.

    :raises FleetDatabaseUnfit: it is not there, or cannot be read.
    :raises NewerDatabase: a newer imgtools has made it.
    """
    with _opened(_for_reading(place), place, _refuse_others) as connection:
        yield connection


@contextmanager
def _opened(database: Database, place: URL, check: Callable[[Connection, URL], None]) -> Iterator[Connection]:
    try:
        with named(place), database.connect() as connection:
            check(connection, place)
            yield connection
    finally:
        database.dispose()


def _for_reading(place: URL) -> Database:
    if place.drivername != "sqlite":
        return create_engine(
            place, poolclass=NullPool, execution_options={"postgresql_readonly": True},
            isolation_level="REPEATABLE READ",
        )  # fmt: skip
    path = Path(str(place.database))
    if not path.is_file():
        raise FleetDatabaseUnfit(
            f"{path}: no such file", hint="imgtools fleet run makes it; --database names another"
        )
    name = f"file:{quote(str(path))}?mode=ro"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(name, uri=True, timeout=PATIENCE, isolation_level=None)
        connection.execute("PRAGMA query_only=ON")
        connection.set_authorizer(_allow)
        return connection

    database = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    # All that is read of one connection is of one moment.
    event.listen(database, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return database


def _allow(action: int, *_: object) -> int:
    """Let nobody reach another file from within a query."""
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


def _make_file(path: Path) -> None:
    """Make the file of a new database, for nobody but its owner: what guests hold is in it."""
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise FleetDatabaseUnfit(
            f"{path}: {error.strerror}", hint="--database names a file that you may write"
        ) from None


def _prepare(connection: Any, record: object) -> None:  # Any: a connection of the driver
    connection.isolation_level = None  # we say ourselves where a transaction begins
    for words in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {words}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


# -- the schema ---------------------------------------------------------------------------------------------


def scripts() -> Config:
    """Return where Alembic finds the steps of the schema."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(connection: Connection, place: URL) -> None:
    """Bring the schema up to date, all or nothing.

    :raises FleetDatabaseUnfit: the tables there are another program's.
    :raises NewerDatabase: a newer imgtools has made it.
    """
    config = scripts()
    with connection.begin():
        if place.drivername != "sqlite":  # one at a time; SQLite has one writer anyway
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('imgtools fleet'))"))
        if inspect(connection).get_table_names():
            _refuse_others(connection, place)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _refuse_others(connection: Connection, place: URL) -> None:
    known = {one.revision for one in ScriptDirectory.from_config(scripts()).walk_revisions()}
    if not inspect(connection).has_table(_VERSIONS):
        raise FleetDatabaseUnfit(
            f"{shown(place)} is no database of imgtools fleet", hint="--database names another"
        )
    found = set(connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalars())
    if newer := sorted(found - known):
        raise NewerDatabase(
            f"{shown(place)} has schema {newer[0]}, and this imgtools knows them up to {max(known)}",
            hint="a newer imgtools has made it: use that one",
        )


# -- errors -------------------------------------------------------------------------------------------------


@contextmanager
def named(place: URL) -> Iterator[None]:
    """Name what goes wrong with a database within this.

    :raises FleetDatabaseUnfit: it cannot be opened, read or written.
    :raises NoRoom: its disk is full.
    """
    try:
        yield
    except DBAPIError as error:
        raise _named_error(error, place) from None


def _named_error(error: DBAPIError, place: URL) -> ImgtoolsError:
    name, said = shown(place), " ".join(str(error.orig).split())
    code = str(getattr(error.orig, "sqlite_errorname", "") or getattr(error.orig, "sqlstate", "") or "")
    if code in ("SQLITE_FULL", "53100"):
        return NoRoom(f"{name}: no room left", hint="what was answered is kept: make room, and run it again")
    if code.startswith("SQLITE_IOERR"):
        return HostError(f"{name}: {said}", hint="look at the host's disk and its kernel log")
    hint = next((words for start, words in _HINTS.items() if code.startswith(start)), "")
    return FleetDatabaseUnfit(f"{name}: {said}", hint=hint or "--database names another")


_HINTS: Mapping[str, str] = {
    "SQLITE_NOTADB": "it is no SQLite file: --database names another",
    "SQLITE_CORRUPT": "the file is damaged: sqlite3's .recover may save what is in it",
    "SQLITE_READONLY": "make it writable, or name another with --database",
    "SQLITE_BUSY": "another program writes into it: wait for that one",
    "42501": "the database's owner grants the rights",
    "28": "user and password are of the URL, or of ~/.pgpass",
}
