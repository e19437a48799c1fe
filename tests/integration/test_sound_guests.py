"""Nothing is found wrong with the filesystems, programs and ways in of a guest that is sound; nothing is mended."""

from __future__ import annotations

import pytest

from imgtools.ops.station import load_stations
from tests.support.command import imgtools
from tests.support.fixtures import fixture_disks

# Read without booting: what the appliance reads is the same, and takes a minute each.
LINUX = ("alpine", "amazon", "arch", "debian", "lvm", "mbr-logical", "multidisk", "rhel6", "rocky", "ubuntu")
GUESTS = (*LINUX, "real", "real-plain", "windows", "windows11", "windows-server")
PLACES = range(300, 600)
STATIONS = tuple(one.name for one in load_stations() if one.station.place in PLACES)


@pytest.mark.parametrize("guest", GUESTS)
def test_nothing_false_is_found(guest: str) -> None:
    first, *others = fixture_disks(guest)
    added = [word for disk in others for word in ("--add", disk)]
    ran = imgtools("diagnose", first, *added, "--only", ",".join(STATIONS), "--json", code=None)
    assert [one for station in ran.data["stations"] for one in station["findings"]] == []
    assert ran.data["sound"] is True


@pytest.mark.parametrize("auto", [(), ("--auto",)], ids=["asked", "auto"])
@pytest.mark.parametrize("guest", GUESTS)
def test_nothing_is_mended(guest: str, auto: tuple[str, ...]) -> None:
    first, *others = fixture_disks(guest)
    added = [word for disk in others for word in ("--add", disk)]
    ran = imgtools("repair", first, *added, *auto, "--json")
    assert [one["name"] for one in ran.data["repairs"] if one["changes"]] == []


@pytest.mark.parametrize("root", ["/dev/sda1", "/dev/sda2"])
def test_nothing_false_is_found_in_either_of_two_guests(root: str) -> None:
    words = ("--root", root, "--only", ",".join(STATIONS), "--json")
    ran = imgtools("diagnose", fixture_disks("multiboot")[0], *words, code=None)
    assert [one for station in ran.data["stations"] for one in station["findings"]] == []
