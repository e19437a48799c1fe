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


ARRAY = "the array md-guest:data (UUID d0d0d0d0:00314000:80000000:00000002), RAID5, has 1 of its 3 members"


def given(*numbers: int) -> list[object]:
    """Some of the disks of a guest on arrays, as words of a command line."""
    disks = [fixture_disks("md-guest")[number] for number in numbers]
    return [disks[0], *(word for disk in disks[1:] for word in ("--add", disk))]


def test_an_array_that_does_not_start_is_named_with_its_members() -> None:
    ran = imgtools("inspect", *given(0, 1, 2), code=NoGuest.exit_code)
    said = f"/dev/md/data cannot be put together: {ARRAY}; members 1, 2 are missing"
    assert ran.err.splitlines() == [
        f"imgtools: no operating system found; {said}",
        "  hint: if the guest has more disks, give them all: --add DISK",
    ]
    warnings = imgtools("filesystems", *given(0, 1, 2), "--json").json["warnings"]
    assert [(one["path"], one["text"]) for one in warnings] == [
        ("/dev/md/data", f"{ARRAY}; members 1, 2 are missing")
    ]
    ran = imgtools("ls", *given(2), "/", "-m", "/dev/md/data", code=OddGuest.exit_code)
    assert f"/dev/md/data cannot be put together: {ARRAY}" in ran.err


def test_a_mirror_without_one_of_its_disks_is_read() -> None:
    for number in (0, 1):
        ran = imgtools("cat", *given(number), "/vmlinuz", "-m", "/dev/md127p1", "--engine", "direct")
        assert ran.out == "kernel\n"


def test_the_order_of_the_disks_does_not_matter() -> None:
    ran = imgtools("cat", *given(4, 1, 3, 0, 2), "/srv/part1", "--engine", "direct")
    assert ran.out.startswith("1 1\n1 2\n")
    assert imgtools("cat", *given(2, 4, 1, 3), "/boot/vmlinuz", "--engine", "direct").out == "kernel\n"
