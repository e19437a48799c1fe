"""imgtools virt virt-resize: a copy in the place of the disk that was made for it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.command import Ran, imgtools
from tests.support.disks import MIB, qemu_img
from tests.support.resizable import LOGICAL, cloud_disk, disk_of, ext4_file, table_of

WAITS = "Before deleting the old disk, carefully check that the resized disk boots and works correctly."


def resize(*words: str | Path, code: int = 0) -> Ran:
    return imgtools("virt", "virt-resize", *words, code=code)


def empty(path: Path, size: int, format: str = "raw") -> Path:
    qemu_img("create", "-q", "-f", format, path, str(size))
    return path


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    return cloud_disk(tmp_path / "cloud.qcow2", "qcow2")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "two disks are wanted"),
        (("a", "a"), "you cannot use the same disk image for input and output"),
        (("a", "nowhere"), "nowhere is not there"),
        (("a", "/dev/null"), "/dev/null is not there"),
        (("a", "nbd://host/x"), "nbd://host/x is no file of this host"),
        (("--expand", "sda1", "--expand", "sda2", "a", "b"), "--expand option can only be given once"),
        (("--unknown-filesystems", "x", "a", "b"), "unknown --unknown-filesystems"),
        (("--alignment", "0", "DISK", "NEW"), "alignment cannot be < 1"),
        (("--expand", "sda9", "DISK", "NEW"), "there is no partition 9"),
        (
            ("--expand", "sda1", "--shrink", "sda15", "DISK", "NEW"),
            "--expand and --shrink do not go together",
        ),
        (("--no-copy-boot-loader", "a", "b"), "--no-copy-boot-loader is not taken"),
    ],
)
def test_what_is_refused(disk: Path, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    new = empty(tmp_path / "new", 80 * MIB)
    places = {"DISK": disk, "NEW": new}
    ran = resize(*(places.get(word, word) for word in words), code=1)
    assert says in ran.err.splitlines()[0]
    assert not any(new.read_bytes())


def test_a_partition_grows_and_the_rest_stays(disk: Path, tmp_path: Path) -> None:
    new = empty(tmp_path / "new", 100 * MIB)
    before = disk.read_bytes()
    ran = resize("--expand", "/dev/vda1", disk, new)
    assert f"/dev/sda1: This partition will be resized from 32M to {95}M." in ran.out
    assert "expanded using the ‘resize2fs’ method" in ran.out and WAITS in ran.out
    assert re.search(r"^\[ +\d+\.\d\] Copying /dev/sda1$", ran.out, re.MULTILINE)
    assert new.stat().st_size == 100 * MIB and table_of(new)[1]["size"] == 95 * 2048
    assert disk.read_bytes() == before


def test_the_formats_are_those_that_there_were(disk: Path, tmp_path: Path) -> None:
    new = empty(tmp_path / "new", 100 * MIB, "qcow2")
    assert resize("-q", "--expand", "sda1", "--output-format", "qcow2", disk, new).out == ""
    info = json.loads(qemu_img("info", "--output=json", new))
    assert (info["format"], info["virtual-size"]) == ("qcow2", 100 * MIB)


def test_the_plan_alone(disk: Path, tmp_path: Path) -> None:
    new = empty(tmp_path / "new", 100 * MIB)
    ran = resize("-n", "--delete", "sda14", "--ignore", "sda1", disk, new)
    assert "/dev/sda14: This partition will be deleted." in ran.out
    assert "/dev/sda1: This partition will be created, but the contents will be ignored" in ran.out
    assert not any(new.read_bytes())


def test_what_is_left_becomes_a_partition_unless_that_is_refused(disk: Path, tmp_path: Path) -> None:
    old = table_of(disk)
    new = empty(tmp_path / "new", 100 * MIB)
    assert "An extra partition will be created for the surplus." in resize(disk, new).out
    (more,) = table_of(new).keys() - old.keys()
    assert more == 2 and 60 * 2048 < table_of(new)[2]["size"] < 64 * 2048
    assert {number: table_of(new)[number] for number in old} == old
    assert "The surplus space will be ignored." in resize("--no-extra-partition", disk, new).out
    assert table_of(new) == old
    small = empty(tmp_path / "small", 44 * MIB)
    resize(disk, small)  # less than 10 MiB are worth none
    assert table_of(small) == old


def test_sizes_in_bytes_and_sectors(disk: Path, tmp_path: Path) -> None:
    new = empty(tmp_path / "new", 100 * MIB)
    resize("-q", "--resize", f"sda1=+{8 * MIB}b", "--no-extra-partition", disk, new)
    assert table_of(new)[1]["size"] == 40 * 2048
    resize("-q", "--resize", f"sda1={48 * 2048}s", "--no-extra-partition", disk, new)
    assert table_of(new)[1]["size"] == 48 * 2048


def test_contents_stay_as_large_as_they_are(disk: Path, tmp_path: Path) -> None:
    new = empty(tmp_path / "new", 100 * MIB)
    ran = resize("--expand", "sda1", "--no-expand-content", disk, new)
    assert "will be expanded" not in ran.out and table_of(new)[1]["size"] == 95 * 2048
    (image,) = imgtools("df", "--json", new).data["images"]
    assert image["filesystems"][0]["device"] == "/dev/sda1" and image["filesystems"][0]["size"] <= 32 * MIB


def test_what_is_unknown_is_warned_of_passed_over_or_refused(tmp_path: Path) -> None:
    image = disk_of(tmp_path / "odd.raw", 20 * MIB, LOGICAL, {})
    new = empty(tmp_path / "new", 24 * MIB)
    assert "stays as large as it is" in resize("--expand", "sda1", image, new).err
    assert resize("--expand", "sda1", "--unknown-filesystems", "ignore", image, new).err == ""
    grown = ("--expand", "sda1", "--unknown-filesystems", "error", image, new)
    assert "unknown/unavailable method for expanding" in resize(*grown, code=1).err


def test_the_extended_partition_grows_and_what_is_in_it_stays(tmp_path: Path) -> None:
    root = ext4_file(tmp_path / "root", 28672 * 512, data=3 * MIB)
    image = disk_of(tmp_path / "office.raw", 20 * MIB, LOGICAL, {12288 * 512: root})
    old, new = table_of(image), empty(tmp_path / "new", 40 * MIB)
    extended = next(number for number, one in old.items() if one["type"] in ("5", "f"))
    resize("-q", "--expand", f"/dev/sda{extended}", image, new)
    table = table_of(new)
    assert table[extended].pop("size") > old[extended].pop("size") + 19 * 2048
    assert table == old
    assert new.stat().st_size == 40 * MIB
