"""imgtools fleet export --prometheus: what Prometheus' own parser reads of a fleet, whatever guests are called."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import imgtools as door
from imgtools.fleet.database import place_of, writable
from imgtools.fleet.store import Store
from tests.support.command import imgtools
from tests.support.fleet_answers import failed, finding, guest, run, said, unread, usage

ODD = 'a "quoted"\\n\\path\nimgtools_fleet_images{command="df"} 7\x1b[2J'
KNOWN = 'a "quoted"\\n\\path\nimgtools_fleet_images{command="df"} 7\N{REPLACEMENT CHARACTER}[2J'


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three runs of df, of which the last was cut; and one of audit and inspect each."""
    place = os.fspath(tmp_path_factory.mktemp("fleet") / "fleet.sqlite")
    good = said(usage=[usage(26.3)])
    audited = [finding("high"), finding("high"), finding("low"), finding("high", "we know")]
    debian, other = (guest("debian", name, 12, 4) for name in ("Debian GNU/Linux 12", ODD))
    devices = (ODD, ODD, "/dev/" + "x" * 5000)
    odd = said(usage=[*(usage(26.3, device=one) for one in devices), unread("/dev/sdb")])
    bad = failed("BadImage")
    with writable(place_of(place)) as connection:
        store = Store(connection)
        run(store, "df", {"/gone.qcow2": good})
        run(store, "df", {ODD: odd, "/b.qcow2": good, "/c.qcow2": bad, "/d.qcow2": bad})
        run(store, "df", {"/cut.qcow2": good}, "cut")
        run(store, "audit", {"/b.qcow2": said(checks=[], findings=audited)})
        run(store, "inspect", dict.fromkeys(("/b.qcow2", "/c.qcow2"), said(guests=[debian, other])))
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
    assert used[("ext4", "/dev/sda1", "/b.qcow2")] == used[("ext4", KNOWN, KNOWN)] == 263
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
