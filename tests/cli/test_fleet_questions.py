"""The ready questions of docs/fleet.md, and what is made of a database: each is put to a real one, on both kinds."""

from __future__ import annotations

import functools
import getpass
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from imgtools.change.change import MakeDirectory
from imgtools.errors import UnsupportedGuest
from imgtools.fleet.database import place_of, writable
from imgtools.fleet.identity import identify
from imgtools.fleet.kind import kind_names, load_kind
from imgtools.fleet.order import Order
from imgtools.fleet.schema import KIND_TABLES, METADATA
from imgtools.fleet.store import Store
from imgtools.fleet.work import Answer, Failure, facts_of, failed, read_answer
from imgtools.records.image import disk_named
from imgtools.records.request import ImageRequest
from imgtools.workflows.apply import carry_changes
from tests.house.source import ROOT
from tests.support.command import imgtools
from tests.support.fixtures import fixture_image

QUESTIONS = re.findall(
    r"```sql\n(.*?)```", (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8"), re.DOTALL
)
GUESTS = ("debian", "rocky", "windows")


# What the plan of each guest is made for.
ORDER = Order(functools.partial(carry_changes, changes=(MakeDirectory("/srv/x"),)), write=False)


@functools.cache
def answer(kind: str, image: Path) -> Answer:
    """What an image says, as its process writes it, without a process."""
    import json

    whole = load_kind(kind)
    rows: dict[str, list[Any]] = {name: [] for name in whole.tables}
    try:
        report = whole.ask(ImageRequest((disk_named(image),)), *([ORDER] if whole.takes_order else []))
    except UnsupportedGuest as error:  # the files of a Windows cannot be verified
        return failed(facts_of(error))
    for row in whole.rows(report):
        rows[whole.table_of(row)].append(list(row))
    facts = {"code": 0, "error": None, "warnings": [["odd\0", ""]], "rows": rows, "seconds": 0.5}
    return read_answer(json.dumps(facts).encode(), whole, host="h")


def fill(database: str) -> None:
    """Two runs of each question; in the second one guest is gone, and one has failed."""
    with writable(place_of(database)) as connection:
        store = Store(connection)
        for kind in kind_names():
            answers = {name: answer(kind, fixture_image(name)) for name in GUESTS}
            for number in (1, 2):
                run = store.begin_run(kind, len(GUESTS))
                for name in GUESTS[: 4 - number]:
                    path = fixture_image(name)
                    identity = identify(ImageRequest((disk_named(path),)))
                    found = answers[name]
                    if number == 2 and name == "rocky":
                        found = Answer(33, Failure("EngineTimeout", "late", "", 33), (), {}, 1.0, "h")
                    store.add(run, store.image(f"/srv/{name}.qcow2"), kind, load_kind(kind), identity, found)
                store.end_run(run, "done")


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    database = os.fspath(tmp_path_factory.mktemp("fleet") / "fleet.sqlite")
    fill(database)
    return database


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of an ordinary user's, on a socket in its own folder."""
    (programs,) = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
    folder = Path("/tmp", f"imgtools-pg-{os.getpid()}")
    folder.mkdir(mode=0o700)
    become = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    user = "nobody" if become else getpass.getuser()
    if become:
        shutil.chown(folder, "nobody", "nogroup")
    quiet: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run(
        [*become, programs / "initdb", "-D", folder / "data", "-A", "trust", "-E", "UTF8", "-N"], **quiet
    )
    words = [programs / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-F"]
    server = subprocess.Popen([*become, *words], stderr=subprocess.DEVNULL, cwd="/")
    try:
        deadline = time.monotonic() + 60
        while subprocess.run([programs / "pg_isready", "-q", "-h", folder], check=False).returncode:
            assert time.monotonic() < deadline and server.poll() is None
            time.sleep(0.1)
        database = f"postgresql://{user}@/postgres?host={folder}"
        fill(database)
        yield database
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder)


def test_there_are_twenty_ready_questions() -> None:
    assert len(QUESTIONS) == 20


@pytest.mark.parametrize("sql", QUESTIONS, ids=lambda sql: sql.splitlines()[0])
def test_a_ready_question_is_answered_the_same_by_both(sql: str, sqlite: str, postgresql: str) -> None:
    ours, theirs = (
        imgtools("fleet", "query", "--json", "--database", database, sql).data
        for database in (sqlite, postgresql)
    )
    assert ours["rows"], "a question whose answer is empty shows nothing"
    assert ours["columns"] == theirs["columns"]
    assert _same(ours["rows"]) == _same(theirs["rows"])


def _same(rows: list[list[Any]]) -> list[list[str]]:
    """Truth is a number in SQLite, and its times have no zone."""
    return [[_word(cell) for cell in row] for row in rows]


def _word(cell: Any) -> str:
    cell = int(cell) if isinstance(cell, bool) else cell
    text = re.sub(r"\+00:00$", "", str(cell))
    try:
        return f"{float(text):.3f}"
    except ValueError:
        return re.sub(r"^(\d{4}-\d\d-\d\d \d\d):.*", r"\1", text)


def test_a_report_is_the_same_of_both(sqlite: str, postgresql: str, tmp_path: Path) -> None:
    pages = []
    for number, database in enumerate((sqlite, postgresql)):
        file = tmp_path / f"{number}.html"
        imgtools("fleet", "report", file, "--database", database)
        text = re.sub(r"<dd>(/|postgresql:).*?</dd>", "", file.read_text("utf-8"), count=1)
        # When a run ended is another moment, and where it is drawn.
        pages.append(re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?|[ML][\d. L]+|c[xy]=\S+", "", text))
    assert pages[0] == pages[1]
    assert pages[0].count('role="img"') >= 6, "there is something in it"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_migrations_make_what_the_code_says(kind: str, request: pytest.FixtureRequest) -> None:
    with writable(place_of(request.getfixturevalue(kind))) as connection, connection.begin():
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        for name in KIND_TABLES:
            connection.exec_driver_sql(f"SELECT * FROM latest_{name} LIMIT 1")


def test_postgresql_is_only_read(postgresql: str) -> None:
    for sql in (
        "DELETE FROM users",
        "SELECT 1; DROP TABLE users",
        "SET TRANSACTION READ WRITE",
        "DROP TABLE runs",
    ):
        imgtools("fleet", "query", "--database", postgresql, sql, code=56)
    wrong = postgresql.replace("@", ":hidden@").replace("/postgres?", "/nothing?")
    refused = imgtools("fleet", "query", "--database", wrong, "SELECT 1", code=54)
    assert "nothing" in refused.err and "hidden" not in refused.err


def test_changes_from_one_run_to_another(sqlite: str) -> None:
    first, second = (kind_names().index("df") * 2 + number for number in (1, 2))
    ran = imgtools("fleet", "changes", str(first), str(second), "--json", "--database", sqlite, code=1)
    found = {(one["image"], one["what"]) for one in ran.data["changes"]}
    assert found == {("/srv/windows.qcow2", "gone"), ("/srv/rocky.qcow2", "failed")}
    assert not imgtools("fleet", "changes", str(first), str(first), "--json", "--database", sqlite).data[
        "changes"
    ]
    assert (
        "there is no run 999" in imgtools("fleet", "changes", "1", "999", "--database", sqlite, code=57).err
    )
    assert "asked for" in imgtools("fleet", "changes", "1", "9", "--database", sqlite, code=57).err


def test_parquet_says_what_the_database_says(sqlite: str, tmp_path: Path) -> None:
    words = ("fleet", "export", "--parquet", tmp_path / "out", "--database", sqlite)
    data = imgtools(*words, "--json").data
    assert {one["table"] for one in data["tables"]} == set(METADATA.tables)
    for one in data["tables"]:
        (count,) = duckdb.sql(f"SELECT count(*) FROM '{one['host_path']}'").fetchall()
        rows = imgtools(
            "fleet", "query", "--json", "--database", sqlite, f"SELECT count(*) FROM {one['table']}"
        ).data
        assert count == (one["rows"],) == tuple(rows["rows"][0])
    sql = "SELECT device, size, use_percent FROM {} WHERE content = 'ext4' ORDER BY answer_id, position"
    theirs = duckdb.sql(sql.format(f"'{tmp_path}/out/usage.parquet'")).fetchall()
    ours = imgtools("fleet", "query", "--json", "--database", sqlite, sql.format("usage")).data["rows"]
    assert theirs and [list(row) for row in theirs] == ours
    assert "is there already" in imgtools(*words, code=15).err
    imgtools(*words, "--overwrite")
    assert not list((tmp_path / "out").glob(".*")), "nothing half written is left"


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path) -> None:
    database = os.fspath(tmp_path / "fleet.sqlite")
    with writable(place_of(database)) as connection:
        run = Store(connection).begin_run("df", 1)
    from imgtools.errors import NoRoom

    with pytest.raises(NoRoom, match="no room left"), writable(place_of(database)) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.rollback()
        connection.connection.execute(f"PRAGMA max_page_count={pages}")  # type: ignore[attr-defined]
        store = Store(connection)
        for number in range(10_000):
            store.image(f"/srv/{number}.qcow2")
    found = imgtools("fleet", "query", "--json", "--database", database, "SELECT id, state FROM runs").data
    assert found["rows"] == [[run, "running"]]
