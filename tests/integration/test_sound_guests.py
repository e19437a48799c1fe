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
def test_nothing_false_is_found_and_nothing_is_mended(guest: str) -> None:
    """``repair --auto`` diagnoses first, as ``diagnose`` does; the other repairs are those that ask by themselves."""
    first, *others = fixture_disks(guest)
    added = [word for disk in others for word in ("--add", disk)]
    auto = imgtools("repair", first, *added, "--auto", "--json").data
    looked_at = [one for one in auto["before"] if one["name"] in STATIONS]
    assert looked_at and [one for station in looked_at for one in station["findings"]] == []
    assert {one["state"] for one in looked_at} <= {"sound", "not there", "not known"}
    asked = imgtools("repair", first, *added, "--json").data
    assert [one["name"] for ran in (auto, asked) for one in ran["repairs"] if one["changes"]] == []


@pytest.mark.parametrize("root", ["/dev/sda1", "/dev/sda2"])
def test_nothing_false_is_found_in_either_of_two_guests(root: str) -> None:
    words = ("--root", root, "--only", ",".join(STATIONS), "--json")
    ran = imgtools("diagnose", fixture_disks("multiboot")[0], *words, code=None)
    assert [one for station in ran.data["stations"] for one in station["findings"]] == []
