"""imgtools fleet export --prometheus: what Prometheus' own parser reads of a fleet, whatever guests are called."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import imgtools as door
from imgtools.fleet.database import place_of, writable
from imgtools.fleet.identity import Identity
from imgtools.fleet.kind import load_kind
from imgtools.fleet.store import Store
from imgtools.fleet.work import Answer, Cell, Failure
from tests.support.command import imgtools

ODD = 'a "quoted"\\n\\path\nimgtools_fleet_images{command="df"} 7\x1b[2J'
KNOWN = 'a "quoted"\\n\\path\nimgtools_fleet_images{command="df"} 7\N{REPLACEMENT CHARACTER}[2J'
FULL = ("ext4", "", "", 1000, 250, 700, 26.3, 10, 1, 9, "")
LOST = ("xfs", "", "", None, None, None, None, None, None, None, "it is damaged")


def usage(*rows: tuple[str, tuple[Cell, ...]]) -> Answer:
    return Answer(0, None, (), {"usage": [[device, *rest] for device, rest in rows]}, 1.0, "h")


def run(store: Store, kind: str, answers: Mapping[str, Answer], state: str = "done") -> None:
    number = store.begin_run(kind, len(answers))
    for name, answer in answers.items():
        image = store.image(name)
        store.add(number, image, kind, load_kind(kind), Identity("x"), answer)
    store.end_run(number, state)


def failed(error: str) -> Answer:
    return Answer(10, Failure(error, "it is bad", "", 10), (), {}, 0.0, "h")


def finding(severity: str, waived: str = "") -> Sequence[Cell]:
    return ["x", severity, 3, "text", "/p", 1, "s", "e", False, waived]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three runs of df, of which the last was cut; and one of audit and inspect each."""
    place = os.fspath(tmp_path_factory.mktemp("fleet") / "fleet.sqlite")
    good = usage(("/dev/sda1", FULL))
    audited = [finding("high"), finding("high"), finding("low"), finding("high", "we know")]
    guest: list[Cell] = [
        "/dev/sda1",
        "linux",
        "debian",
        "Debian GNU/Linux 12",
        "",
        12,
        4,
        *[""] * 13,
        None,
        None,
    ]
    with writable(place_of(place)) as connection:
        store = Store(connection)
        run(store, "df", {"/gone.qcow2": good})
        odd = usage((ODD, FULL), (ODD, FULL), ("/dev/sdb", LOST), ("/dev/" + "x" * 5000, FULL))
        run(
            store,
            "df",
            {ODD: odd, "/b.qcow2": good, "/c.qcow2": failed("BadImage"), "/d.qcow2": failed("BadImage")},
        )
        run(store, "df", {"/cut.qcow2": good}, "cut")
        run(store, "audit", {"/b.qcow2": Answer(1, None, (), {"checks": [], "findings": audited}, 1.0, "h")})
        rows = {"guests": [guest, [*guest[:3], ODD, *guest[4:]]]}
        run(store, "inspect", {one: Answer(0, None, (), rows, 1.0, "h") for one in ("/b.qcow2", "/c.qcow2")})
    return place


@pytest.fixture(scope="module")
def metrics(
    database: str, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Mapping[tuple[str, ...], float]]:
    """By metric and the values of its labels, in the order of their names: what Prometheus' parser reads."""
    target = tmp_path_factory.mktemp("collector") / "fleet.prom"
    imgtools("fleet", "export", "--prometheus", target, "--database", database)
    assert list(target.parent.iterdir()) == [target], "nothing half written is left"
    assert target.stat().st_mode & 0o444 == 0o444 & ~umask(), "the collector is another user"
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(target.read_text("utf-8")):
        assert family.type == "gauge" and family.documentation
        series = [
            (tuple(one.labels[name] for name in sorted(one.labels)), one.value) for one in family.samples
        ]
        found[family.name] = dict(series)
        assert len(series) == len(found[family.name]), (
            "two series of the same labels: the collector takes none"
        )
    return found


def umask() -> int:
    now = os.umask(0o22)
    os.umask(now)
    return now


def test_images_are_counted_by_the_answers_of_the_newest_whole_run(
    metrics: Mapping[str, Mapping[tuple[str, ...], float]],
) -> None:
    assert metrics["imgtools_fleet_images"] == {
        ("ok", "audit"): 1,
        ("BadImage", "df"): 2,
        ("ok", "df"): 2,
        ("ok", "inspect"): 2,
    }
    assert set(metrics["imgtools_fleet_run_duration_seconds"]) == {("audit",), ("df",), ("inspect",)}
    assert all(0 <= one < 600 for one in metrics["imgtools_fleet_run_duration_seconds"].values())
    ended = metrics["imgtools_fleet_run_end_timestamp_seconds"]
    assert ended[("df",)] <= ended[("audit",)] and ended[("df",)] > 1_700_000_000


def test_filesystems_have_their_numbers_whatever_they_are_called(
    metrics: Mapping[str, Mapping[tuple[str, ...], float]],
) -> None:
    used = metrics["imgtools_fleet_filesystem_used_bytes"]
    assert used[("ext4", "/dev/sda1", "/b.qcow2")] == used[("ext4", KNOWN, KNOWN)] == 250
    assert len(used) == 3, "one that cannot be read has none, nor has an image that is gone"
    assert max(len(device) for _, device, _ in used) == 1024
    assert set(metrics["imgtools_fleet_filesystem_size_bytes"].values()) == {1000}
    assert set(metrics["imgtools_fleet_filesystem_used_percent"].values()) == {26.3}


def test_findings_by_severity_and_guests_by_release(
    metrics: Mapping[str, Mapping[tuple[str, ...], float]],
) -> None:
    assert metrics["imgtools_fleet_findings"] == {("audit", "high"): 2, ("audit", "low"): 1}
    assert metrics["imgtools_fleet_guests"] == {
        ("debian", "Debian GNU/Linux 12", "12.4"): 2,
        ("debian", KNOWN, "12.4"): 2,
    }


def test_a_file_that_is_there_is_replaced_only_when_told(database: str, tmp_path: Path) -> None:
    target = tmp_path / "fleet.prom"
    target.write_text("theirs")
    words = ("fleet", "export", "--prometheus", target, "--database", database)
    assert "is there already" in imgtools(*words, code=15).err and target.read_text() == "theirs"
    data = imgtools(*words, "--overwrite", "--json").data
    assert (data["folder"], data["tables"]) == (None, [])
    assert data["metrics"]["host_path"] == os.fspath(target)
    assert data["metrics"]["series"] == sum(
        len(one.samples) for one in text_string_to_metric_families(target.read_text("utf-8"))
    )


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("fleet.txt", 2, "fleet.prom"),
        ("no/such/folder/fleet.prom", 3, "no such folder"),
        ("", 2, "--parquet FOLDER"),
    ],
)
def test_what_is_refused(database: str, tmp_path: Path, name: str, code: int, said: str) -> None:
    words = ("--prometheus", tmp_path / name) if name else ()
    assert said in imgtools("fleet", "export", *words, "--database", database, "--overwrite", code=code).err
    assert not list(tmp_path.iterdir())


def test_the_database_itself_is_not_replaced(database: str, tmp_path: Path) -> None:
    link = tmp_path / "fleet.prom"
    link.symlink_to(database)
    words = ("fleet", "export", "--prometheus", link, "--overwrite", "--database", database)
    assert "is the database itself" in imgtools(*words, code=2).err
    imgtools("fleet", "query", "--database", database, "SELECT 1")


def test_the_door_and_an_empty_database(tmp_path: Path) -> None:
    place = os.fspath(tmp_path / "fleet.sqlite")
    with writable(place_of(place)):
        pass
    report = door.fleet_export(prometheus=tmp_path / "fleet.prom", database=place)
    assert report.metrics is not None and report.metrics.series == 0
    text = (tmp_path / "fleet.prom").read_text("utf-8")
    assert {one.name for one in text_string_to_metric_families(text)} >= {"imgtools_fleet_images"}
