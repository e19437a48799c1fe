"""What `imgtools diagnose` shows and refuses; which causes it names is in tests/integration/test_ailments.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import imgtools as door
from fixtures.ailments.breaking import remove
from fixtures.cache import digest_of
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = copy_fixture("debian", tmp_path_factory.mktemp("broken"))[0]
    remove(image, "/sbin/init", "/bin/sh", "/bin/init", "/etc/init")
    return image


def test_a_sound_guest_is_0_and_says_so() -> None:
    ran = imgtools("diagnose", fixture_image("debian"), "--json")
    assert ran.data["sound"] is True and ran.data["likely_cause"] == "" and ran.data["root"]
    assert all(one["findings"] == [] for one in ran.data["stations"])


def test_a_broken_guest_is_1_named_with_its_evidence_and_not_written(broken: Path) -> None:
    before = digest_of(broken)
    ran = imgtools("diagnose", broken, "--json", code=1)
    assert ran.data["likely_cause"] == "init-missing" and ran.data["sound"] is False
    station = next(one for one in ran.data["stations"] if one["name"] == "init")
    finding = station["findings"][0]
    assert (
        station["state"] == "broken" and finding["severity"] == "broken" and finding["confidence"] == "high"
    )
    assert finding["evidence"][0]["path"] == "/sbin/init"
    assert digest_of(broken) == before


def test_a_pipe_gets_a_row_a_finding(broken: Path) -> None:
    rows = [
        line.split("\t") for line in imgtools("diagnose", broken, "--only", "init", code=1).out.splitlines()
    ]
    assert rows[0][:5] == ["Station", "State", "Confidence", "Finding", "Where"]
    assert rows[1][:5] == ["init", "broken", "high", "init-missing", "/sbin/init"]


def test_only_these_stations() -> None:
    ran = imgtools("diagnose", fixture_image("debian"), "--only", "init", "--json")
    assert [one["name"] for one in ran.data["stations"]] == ["init"]


@pytest.mark.parametrize("words", [("DISK", "--only", "initt"), ("--explain", "init-missin")])
def test_an_unknown_name_is_2_and_the_nearest_is_named(words: tuple[str, ...]) -> None:
    ran = imgtools("diagnose", *(fixture_image("debian") if one == "DISK" else one for one in words), code=2)
    assert "did you mean init" in ran.err


def test_the_shelf_and_what_a_finding_means_need_no_image() -> None:
    assert "init" in [line.split("\t")[0] for line in imgtools("diagnose", "--list").out.splitlines()]
    assert "panics" in imgtools("diagnose", "--explain", "init-missing").out
    assert "The first program" in imgtools("diagnose", "--explain", "init").out
    argv = [sys.executable, "-m", "imgtools", "diagnose", "--explain", "init-missing", "--json"]
    shown = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    assert shown["schema"] == "imgtools.diagnose-explain/1" and shown["data"]["name"] == "init-missing"


def test_a_disk_without_a_guest_has_stations_that_are_not_known() -> None:
    ran = imgtools("diagnose", fixture_image("blank"), "--json", code=None)
    states = {one["name"]: one for one in ran.data["stations"]}
    assert states["init"]["state"] == "not known" and states["init"]["reason"]


def test_a_root_that_is_not_there_is_an_error() -> None:
    assert (
        "no operating system has its root"
        in imgtools("diagnose", fixture_image("debian"), "--root", "/dev/sdz9", code=21).err
    )


def test_the_door(broken: Path) -> None:
    report = door.diagnose(broken, only="init")
    assert [one.id for one in report.findings] == ["init-missing"]
    assert report.stations[0].state is door.StationState.BROKEN


CONSOLE = (
    "[    0.000000] Linux version 6.1.0-18-amd64\n"
    "[    1.500000] \x1b[31mKernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(253,1)\x1b[0m\n"
)


def test_a_captured_console_is_a_station_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text(CONSOLE)
    ran = imgtools(
        "diagnose", fixture_image("debian"), "--from-serial", log, "--only", "init", "--json", code=1
    )
    console = ran.data["stations"][-1]
    assert console["name"] == "console" and console["state"] == "broken"
    assert [one["id"] for one in console["findings"]] == ["root-not-found", "kernel-panic"]
    assert console["findings"][0]["evidence"][0]["path"] == str(log)
    assert console["findings"][0]["evidence"][0]["line"] == 2
    assert ran.data["likely_cause"] == "root-not-found"


def test_what_is_found_offline_is_seen_on_the_console_too(broken: Path, tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text(
        "[    0.000000] Linux version 6.1\n[    2.0] Kernel panic - not syncing: No working init found.\n"
    )
    report = door.diagnose(broken, only="init", from_serial=log)
    offline = next(one for one in report.findings if one.id == "init-missing")
    assert [one.path for one in offline.evidence] == ["/sbin/init", str(log)]
    assert [one.id for one in report.stations[-1].findings] == ["kernel-panic"]


def test_a_captured_console_that_is_not_there_is_named(tmp_path: Path) -> None:
    ran = imgtools("diagnose", fixture_image("debian"), "--from-serial", tmp_path / "gone.log", code=3)
    assert "no such file" in ran.err and "gone.log" in ran.err
