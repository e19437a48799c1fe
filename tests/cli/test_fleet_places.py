"""imgtools fleet run --place: images that only some workers see are found, identified and asked where they are."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import imgtools
from tests.support.fleet import Fleet, Scheduler, scheduler


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    found = Fleet(tmp_path_factory.mktemp("places"))
    for folder in ("cold", "warm"):
        found.images(folder, a="where", b="where", c="where")
    found.images("shared", d="fine")
    return found


@pytest.fixture(scope="module")
def cluster(fleet: Fleet) -> Iterator[Scheduler]:
    with scheduler(fleet, ("north", "south"), "--dashboard-address", "127.0.0.1:0") as found:
        yield found


def ask(fleet: Fleet, cluster: Scheduler, *words: str | Path) -> tuple[dict[str, Any], str]:  # Any: JSON
    ran = fleet.run("run", "trial", "--scheduler", cluster.address, "--json", *words)
    return ran.data, ran.err


def test_an_image_is_asked_where_it_is_and_asked_again_if_it_changed_there(
    fleet: Fleet, cluster: Scheduler
) -> None:
    north, south = f"north:{fleet.folder}/cold/*.raw", f"south:{fleet.folder}/warm"
    words = ("--place", north, "--place", south, "--", "shared/d.raw")
    first, err = ask(fleet, cluster, *words)
    assert (first["images"], first["asked"], first["failed"]) == (7, 7, 0), err
    assert {one.parent.name + one.read_text() for one in fleet.folder.glob("*/*.at")} == {
        "coldnorth",
        "warmsouth",
    }
    names = [path for (path,) in fleet.rows("SELECT path FROM images ORDER BY path")]
    assert names[0] == os.fspath(fleet.folder / "shared/d.raw")
    assert names[1:] == [
        *(f"north:{fleet.folder}/cold/{name}.raw" for name in "abc"),
        *(f"south:{fleet.folder}/warm/{name}.raw" for name in "abc"),
    ]
    assert first["dashboard"].startswith("http://127.0.0.1:") and first["dashboard"] in err
    os.utime(fleet.folder / "cold/b.raw", ns=(1, 1))
    again, _ = ask(fleet, cluster, *words)
    assert (again["asked"], again["kept"]) == (1, 6)


def test_the_count_knows_how_many_there_are(fleet: Fleet, cluster: Scheduler) -> None:
    words = ("--all", "--progress", "json", "--place", f"south:{fleet.folder}/warm/[ab].raw")
    _, err = ask(fleet, cluster, *words)
    last = json.loads([line for line in err.splitlines() if line.startswith("{")][-1])["progress"]
    assert (last["done"], last["total"], last["failed"]) == (2, 2, 0)


@pytest.mark.parametrize(
    ("place", "code", "said"),
    [
        ("west:{folder}/cold/*", 58, "no worker announces the place west: there are north, south"),
        ("north:{folder}/cold/*.vmdk", 50, "north: nothing matches {folder}/cold/*.vmdk"),
        ("north:{folder}/gone.raw", 50, "north: {folder}/gone.raw is not there"),
        ("north:{folder}", 50, "north: {folder} holds no disk image"),
        ("north:cold/*.raw", 2, "'north:cold/*.raw' does not say a place"),
        ("{folder}/cold/*.raw", 2, "does not say a place"),
    ],
)
def test_what_cannot_be_asked_is_named_before_anything_begins(
    fleet: Fleet, cluster: Scheduler, place: str, code: int, said: str
) -> None:
    database = fleet.folder / "refused.sqlite"
    words = ("--scheduler", cluster.address, "--database", database)
    err = imgtools("fleet", "run", "df", *words, "--place", place.format(folder=fleet.folder), code=code).err
    assert said.format(folder=fleet.folder) in err and "hint: " in err
    if database.exists():
        with sqlite3.connect(database) as connection:
            assert connection.execute("SELECT count(*) FROM runs").fetchall() == [(0,)]


def test_a_place_is_of_a_cluster(tmp_path: Path) -> None:
    place = ("--place", "north:/srv/*.raw", "--database", tmp_path / "f.sqlite")
    assert "--scheduler" in imgtools("fleet", "run", "df", *place, code=2).err
    scheduler = ("--scheduler", "tcp://127.0.0.1:9", "--key", "all:key:secret")
    err = imgtools("fleet", "run", "df", *place, *scheduler, code=2).err
    assert "tls://" in err and "secret" not in err
    assert not (tmp_path / "f.sqlite").exists()
