"""A repair that leaves what it was to mend is rolled back; what `--auto` does is what a diagnosis proposes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import imgtools as door
from fixtures.ailments import ailments
from fixtures.cache import digest_of
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined, Seen, ShelvedStation, Station
from imgtools.records.diagnosis import Evidence, Finding, Remedy
from tests.support.command import imgtools
from tests.support.edits import beside
from tests.support.fixtures import copy_fixture

BCD = "/S:/EFI/Microsoft/Boot/BCD"
LOG = Finding("boot-log-off", "no log of drivers", remedy=Remedy("windows-boot-log"))


@pytest.fixture
def server(tmp_path: Path) -> Path:
    return copy_fixture("windows-server", tmp_path)[0]


def stations(monkeypatch: pytest.MonkeyPatch, *, heals: bool) -> None:
    """Put one station in the place of all: it finds that the log is off, the second time only if it does not heal."""
    visits: list[int] = []

    def look(examined: Examined) -> Iterator[Seen]:
        visits.append(1)
        if len(visits) == 1 or not heals:
            yield LOG

    shelf = (ShelvedStation("log", Station("Log", 1, look, {"boot-log-off": ""}, WINDOWS), ""),)
    monkeypatch.setattr("imgtools.workflows.repair_proof.load_stations", lambda: shelf)


def test_what_is_still_found_is_42_and_nothing_is_written(
    server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stations(monkeypatch, heals=False)
    before, files = digest_of(server), beside(server)
    ran = imgtools("repair", server, "--only", "windows-boot-log", "--write", code=42)
    assert "boot-log-off is still found" in ran.err and "the image is as it was" in ran.err
    assert digest_of(server) == before and beside(server) == files


def test_auto_does_what_is_proposed_and_says_each_station_before_and_after(
    server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stations(monkeypatch, heals=True)
    ran = imgtools("repair", server, "--auto", "--write", "--json")
    assert [one["name"] for one in ran.data["repairs"] if one["changes"]] == ["windows-boot-log"]
    assert [one["state"] for one in (*ran.data["before"], *ran.data["after"])] == ["broken", "sound"]
    assert ran.data["left"] == [] and ran.data["written"]


def test_auto_without_anything_found_changes_nothing(server: Path) -> None:
    before = digest_of(server)
    ran = imgtools("repair", server, "--auto", "--write")
    assert "Nothing to change." in ran.err and digest_of(server) == before


def test_what_no_repair_is_for_is_left_and_is_1(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(examined: Examined) -> Iterator[Seen]:
        yield Finding("disk-gone", "a disk is missing", evidence=(Evidence("/dev/sdb"),), advice="add it")

    shelf = (ShelvedStation("disk", Station("Disk", 1, look, {"disk-gone": ""}), ""),)
    monkeypatch.setattr("imgtools.workflows.repair_proof.load_stations", lambda: shelf)
    ran = imgtools("repair", server, "--auto", "--json", code=1)
    assert [one["id"] for one in ran.data["left"]] == ["disk-gone"]
    with pytest.raises(door.errors.UsageError):
        door.repair(server, only="windows-boot-log", auto=True)


def test_there_is_nothing_to_boot_where_nothing_is_written(server: Path) -> None:
    assert (
        "--then-boot boots what is written" in imgtools("repair", server, "--auto", "--then-boot", code=2).err
    )
    assert "--timeout is of --then-boot" in imgtools("repair", server, "--timeout", "3", code=2).err


def test_a_proposal_that_the_guest_lacks_the_program_for_is_told_and_the_others_are_made(
    tmp_path: Path,
) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    for one in ailments():
        if one.name in ("grub-cfg-cut", "nologin-left"):
            one.breaks(image)
    ran = imgtools("repair", image, "--auto", "--write", "--json", code=1)
    assert [one["name"] for one in ran.data["repairs"] if one["changes"]] == ["nologin"]
    assert [one["id"] for one in ran.data["left"]] == ["boot-menu-damaged"]
    assert "grub-config does nothing: the guest has no grub-mkconfig" in ran.err
