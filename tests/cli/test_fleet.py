"""imgtools fleet run and query: answers in a database, asked again when an image changed, whatever an image does."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import duckdb
import pytest

from tests.support.command import imgtools
from tests.support.disks import qemu_img
from tests.support.fixtures import copy_image, fixture_image
from tests.support.fleet import Fleet, members, until


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def guests(folder: Path) -> Path:
    """Two guests, one on a base, and a damaged image among them; and what is no image."""
    folder.mkdir()
    base = copy_image(fixture_image("debian"), folder)
    copy_image(fixture_image("ubuntu"), folder)
    qemu_img("create", "-q", "-f", "qcow2", "-b", base.name, "-F", "qcow2", folder / "overlay.qcow2")
    (folder / "cut.qcow2").write_bytes(base.read_bytes()[:3000])
    (folder / "notes.txt").write_text("no image\n" * 100)
    return folder


def test_a_folder_is_asked_and_what_is_new_is_asked_again(fleet: Fleet) -> None:
    folder = guests(fleet.folder / "images")
    first = fleet.run("run", "df", "--json", "--", "images", code=1)
    assert {name: first.data[name] for name in ("run", "images", "asked", "kept", "failed")} == {
        "run": 1, "images": 4, "asked": 4, "kept": 0, "failed": 1,
    }  # fmt: skip
    assert "1 BadImage (exit code 10)" in first.err and "cut.qcow2" in first.err
    assert fleet.database.stat().st_mode & 0o777 == 0o600, "what guests hold is for its owner"
    asked = "SELECT i.path, u.device, u.content, u.size, u.used FROM usage u JOIN answers a ON a.id = u.answer_id "
    asked += "JOIN images i ON i.id = a.image_id WHERE u.device = '/dev/sda3' ORDER BY i.path"
    (debian, overlay) = fleet.rows(asked)
    assert debian == (os.fspath(folder / "debian.qcow2"), "/dev/sda3", "ext4", 774307840, 2609152)
    assert overlay == (os.fspath(folder / "overlay.qcow2"), *debian[1:])

    # A base that changes changes what stands on it; what failed is asked again.
    os.utime(folder / "debian.qcow2", ns=(1, 1))
    lines = fleet.run("run", "df", "--json-lines", "--", os.fspath(folder), code=1).out.splitlines()
    kept = {Path(one["image"]).name: (one["ok"], one["kept"]) for one in map(json.loads, lines)}
    assert kept == {
        "debian.qcow2": (True, False),
        "overlay.qcow2": (True, False),
        "ubuntu.qcow2": (True, True),
        "cut.qcow2": (False, False),
    }
    (folder / "cut.qcow2").unlink()
    third = fleet.run("run", "df", "--json", "--", "images/*.qcow2")
    assert (third.data["asked"], third.data["kept"], third.data["failed"]) == (0, 3, 0)
    assert fleet.rows("SELECT run_id, count(*) FROM run_images GROUP BY run_id") == [(1, 4), (2, 4), (3, 3)]
    assert fleet.run("run", "df", "--all", "--json", "images/ubuntu.qcow2").data["asked"] == 1


def test_a_run_leaves_its_tables_as_parquet(fleet: Fleet) -> None:
    fleet.images("some", good="fine")
    words = ("run", "trial", "--json", "--timeout", "60", "--parquet", fleet.folder / "tables", "--", "some")
    tables = {one["table"]: one for one in fleet.run(*words).data["tables"]}
    assert tables["runs"]["rows"] == tables["images"]["rows"] == 1
    assert duckdb.sql(f"SELECT state FROM '{tables['runs']['host_path']}'").fetchall() == [("done",)]
    assert "is there already" in fleet.run(*words, code=15).err
    assert fleet.rows("SELECT count(*) FROM runs") == [(1,)], "told before anything is asked"
    fleet.run(*words[:-2], "--overwrite", *words[-2:])
    assert fleet.rows("SELECT count(*) FROM runs") == [(2,)]


def test_a_query_reads_and_never_writes(fleet: Fleet) -> None:
    guests(fleet.folder / "images")
    fleet.run("run", "inspect", "--", "images/debian.qcow2")
    place = ("--database", fleet.database)
    assert imgtools("fleet", "query", *place, "SELECT distro FROM latest_guests").out == "distro\ndebian\n"
    sql = "SELECT count(*) AS many FROM latest_users WHERE uid = 0"
    data = imgtools("fleet", "query", *place, "--json", sql).data
    assert (data["columns"], data["rows"]) == (["many"], [[1]])
    for sql in (
        "DELETE FROM users",
        "CREATE TABLE x (y)",
        "ATTACH 'other' AS o",
        "SELECT 1; DROP TABLE users",
        "",
    ):
        assert imgtools("fleet", "query", *place, sql, code=56).err.startswith("imgtools: ")
    assert "syntax error" in imgtools("fleet", "query", *place, "SELECT FROM", code=56).err
    assert fleet.rows("SELECT count(*) FROM users WHERE uid = 0") == [(1,)]


def test_whatever_an_image_does_the_others_are_answered(fleet: Fleet) -> None:
    fleet.images(
        "hostile", good="fine", also="fine", kill="kill", exit="exit", memory="memory", bug="bug", bad="bad",
        slow="sleep 600", once="once",
    )  # fmt: skip
    words = ("--time-limit", "6", "--memory", "256M", "--retries", "1", "--parallel", "2")
    fleet.run("run", "trial", *words, "--", "hostile", code=1)
    found = fleet.rows(
        "SELECT i.path, a.ok, a.exit_code, a.error FROM answers a JOIN images i ON i.id = a.image_id"
    )
    assert {Path(path).stem: tuple(rest) for path, *rest in found} == {
        "good": (1, 0, ""),
        "also": (1, 0, ""),
        "once": (1, 0, ""),
        "kill": (0, 30, "EngineFailed"),
        "exit": (0, 30, "EngineFailed"),
        "memory": (0, 30, "EngineFailed"),
        "bug": (0, 70, "Bug"),
        "bad": (0, 10, "BadImage"),
        "slow": (0, 33, "EngineTimeout"),
    }
    (message,) = fleet.rows("SELECT message FROM answers WHERE message LIKE '%memory'")
    assert message == ("it takes more than 256M of memory",)


def test_ctrl_c_keeps_what_is_there_and_leaves_no_process(fleet: Fleet) -> None:
    fleet.images("many", a="fine", b="sleep 600", c="sleep 600")
    with fleet.start("run", "trial", "--parallel", "2", "--", "many") as program:
        until(lambda: fleet.answered() == 1)
        os.killpg(program.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, err = program.communicate(timeout=60)
    assert program.returncode == 130 and "goes on from there" in err and "Traceback" not in err, err
    assert fleet.rows("SELECT state FROM runs") == [("cut",)]
    until(lambda: not members(program.pid), 20)


# -- what cannot be done ------------------------------------------------------------------------------------


def test_no_images_is_an_error_of_its_own(fleet: Fleet) -> None:
    (fleet.folder / "empty" / "below").mkdir(parents=True)
    empty = fleet.folder / "empty"
    assert "empty holds no disk image" in imgtools("fleet", "run", "df", "--", empty, code=50).err
    assert "nothing matches" in imgtools("fleet", "run", "df", "--", fleet.folder / "*.vmdk", code=50).err
    fleet.images("empty/below", one="fine")
    assert fleet.run("run", "trial", "--recursive", "--", "empty").out.startswith("Run\t1\n")
    assert not fleet.rows("SELECT 1 FROM runs WHERE id > 1")


def test_an_image_that_vanishes_is_an_answer(fleet: Fleet) -> None:
    ran = fleet.run("run", "df", "--", "gone.qcow2", code=1)
    assert "gone.qcow2" in ran.err
    assert fleet.rows("SELECT ok, error FROM answers") == [(0, "HostError")]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("run", "nothing", "--", "x"), 2, "one of audit, check"),
        (("run", "df", "--scheduler", "tcp://127.0.0.1:9", "--", "x"), 51, "tcp://127.0.0.1:9"),
        (("run", "df", "--database", "no/such/folder/f.sqlite", "--", "x"), 54, "No such file or directory"),
        (("run", "df", "--database", "mysql://db/fleet", "--", "x"), 54, "mysql://"),
        (("run", "df", "--database", "text", "--", "x"), 54, "not a database"),
        (("run", "df", "--database", "other.sqlite", "--", "x"), 54, "no database of imgtools fleet"),
        (("run", "df", "--database", "newer.sqlite", "--", "x"), 55, "9999"),
        (("query", "--database", "missing.sqlite", "SELECT 1"), 54, "no such file"),
        (("query", "--database", "newer.sqlite", "SELECT 1"), 55, "9999"),
        (("changes", "1", "2", "--database", "missing.sqlite"), 54, "no such file"),
        (("export", "--parquet", "out", "--database", "missing.sqlite"), 54, "no such file"),
    ],
)
def test_bad_input_is_one_line_and_a_code_of_its_own(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, said: str
) -> None:
    import sqlite3

    (fleet.folder / "text").write_text("no database\n" * 100)
    for name, statements in {
        "other.sqlite": "CREATE TABLE theirs (x)",
        "newer.sqlite": "CREATE TABLE alembic_version (version_num); INSERT INTO alembic_version VALUES ('9999')",
    }.items():
        with sqlite3.connect(fleet.folder / name) as connection:
            connection.executescript(statements)
    before = {one.name: one.read_bytes() for one in fleet.folder.glob("*.sqlite")}
    monkeypatch.chdir(fleet.folder)
    err = imgtools("fleet", *words, code=code).err
    assert said in err and len([line for line in err.splitlines() if not line.startswith("  hint: ")]) == 1, (
        err
    )
    assert {name: (fleet.folder / name).read_bytes()[-4096:] for name in before} == {
        name: content[-4096:] for name, content in before.items()
    }
