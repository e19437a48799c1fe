"""A guest whose volume group spans two disks, of which one is given: nothing boots to say that the other is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import NoGuest, OddGuest
from tests.support.command import imgtools
from tests.support.fixtures import fixture_disks

SRV = "/dev/vg_multi/srv"
PV = "the physical volume tkQmbr-f3M5-L9f9-xOL2-JWao-Wwth-saQeih of the volume group vg_multi is missing"


@pytest.fixture(scope="module")
def first() -> Path:
    return fixture_disks("multidisk")[0]


@pytest.mark.parametrize("command", ["inspect", "filesystems", "df"])
def test_the_rest_is_answered_directly_and_what_is_missing_is_named(first: Path, command: str) -> None:
    ran = imgtools(command, first, "--json")
    assert '"engine": "direct"' in ran.out
    (warning,) = ran.json["warnings"]
    assert PV in warning["text"] and SRV in (warning["path"] or warning["text"])


def test_a_volume_that_lies_on_it_is_refused_by_name(first: Path) -> None:
    ran = imgtools("ls", first, "/", "-m", SRV, code=OddGuest.exit_code)
    assert ran.err.splitlines() == [
        f"imgtools: {SRV} cannot be put together: {PV}",
        "  hint: if the guest has more disks, give them all: --add DISK",
    ]


def test_with_both_disks_nothing_is_missing(first: Path) -> None:
    document = imgtools("ls", first, "/", "--add", fixture_disks("multidisk")[1], "-m", SRV, "--json").json
    assert document["engine"] == "direct" and not document["warnings"]


def test_a_guest_whose_root_is_missing_says_so() -> None:
    second = fixture_disks("multidisk")[1]
    ran = imgtools("inspect", second, code=NoGuest.exit_code)
    assert "cannot be put together: the physical volume VrwsLP-6kRo-x9Fy-7FSq-rIpw-KltT-7a0hoz" in ran.err
    assert "--add DISK" in ran.err
