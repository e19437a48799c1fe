"""A guest whose volume group spans two disks, of which one is given: nothing boots to say that the other is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import NoGuest, OddGuest
from tests.support.command import imgtools
from tests.support.fixtures import fixture_disks

SRV = "/dev/vg_multi/srv"


@pytest.fixture(scope="module")
def first() -> Path:
    return fixture_disks("multidisk")[0]


def missing(disk: Path) -> str:
    """What is said where this disk is not given; LVM makes its UUIDs up."""
    ran = imgtools("filesystems", disk, "--engine", "direct")
    uuid = next(words[3] for line in ran.out.splitlines() if "LVM2_member" in (words := line.split("\t")))
    return f"the physical volume {uuid} of the volume group vg_multi is missing"


@pytest.fixture(scope="module")
def lost() -> str:
    return missing(fixture_disks("multidisk")[1])


@pytest.mark.parametrize("command", ["inspect", "filesystems", "df"])
def test_the_rest_is_answered_directly_and_what_is_missing_is_named(
    first: Path, lost: str, command: str
) -> None:
    ran = imgtools(command, first, "--json")
    assert '"engine": "direct"' in ran.out
    (warning,) = ran.json["warnings"]
    assert lost in warning["text"] and SRV in (warning["path"] or warning["text"])


def test_a_volume_that_lies_on_it_is_refused_by_name(first: Path, lost: str) -> None:
    ran = imgtools("ls", first, "/", "-m", SRV, code=OddGuest.exit_code)
    assert ran.err.splitlines() == [
        f"imgtools: {SRV} cannot be put together: {lost}",
        "  hint: if the guest has more disks, give them all: --add DISK",
    ]


def test_with_both_disks_nothing_is_missing(first: Path) -> None:
    document = imgtools("ls", first, "/", "--add", fixture_disks("multidisk")[1], "-m", SRV, "--json").json
    assert document["engine"] == "direct" and not document["warnings"]


def test_a_guest_whose_root_is_missing_says_so() -> None:
    second = fixture_disks("multidisk")[1]
    ran = imgtools("inspect", second, code=NoGuest.exit_code)
    assert f"cannot be put together: {missing(fixture_disks('multidisk')[0])}" in ran.err
    assert "--add DISK" in ran.err
