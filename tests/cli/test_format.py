"""imgtools format: what is made, what is lost, and what has to be named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB
from tests.support.divided import at, make_disk, run, take
from tests.support.fixtures import fixture_image

LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"


@pytest.fixture
def divided(tmp_path: Path) -> Path:
    """A GPT: an ext4 called data, a swap area, and a partition that is blank."""
    disk = tmp_path / "d.raw"
    places = ((1, 1, 16), (2, 17, 8), (3, 25, 400))
    entries = [
        at(number, start, size, LINUX, uuid=f"11111111-0077-4000-8000-00000000000{number}")
        for number, start, size in places
    ]
    make_disk(disk, 430, "gpt", entries, {1: ["mkfs.ext4", "-q", "-L", "data"], 2: ["mkswap", "-q"]})
    return disk


def content(image: Path, device: str) -> tuple[str, str, str]:
    found = imgtools("filesystems", image, "--no-usage", "--json").data["filesystems"]
    return next((one["content"], one["label"], one["uuid"]) for one in found if one["device"] == device)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("ext2", ("e2fsck", "-fn")),
        ("ext3", ("e2fsck", "-fn")),
        ("ext4", ("e2fsck", "-fn")),
        ("xfs", ("xfs_repair", "-n")),
        ("btrfs", ("btrfs", "check", "--readonly")),
        ("vfat", ("fsck.fat", "-n")),
        ("exfat", ("fsck.exfat", "-n")),
        ("ntfs", ("ntfsfix", "-n")),
        ("swap", ("swaplabel",)),
    ],
)
def test_each_type_is_found_in_order(
    divided: Path, tmp_path: Path, kind: str, check: tuple[str, ...]
) -> None:
    done = imgtools("format", divided, "3", "--type", kind, "--label", "NEW", "--write", "--yes", code=2)
    assert "no disk, partition or volume 3" in done.err
    told = imgtools(
        "format", divided, "/dev/sda3", "--type", kind, "--label", "NEW", "--write", "--yes", "--json"
    )
    found = content(divided, "/dev/sda3")
    assert found[:2] == (kind, "NEW") and found[2] == told.data["uuid"] and told.data["written"]
    part = take(divided, "raw", 3, tmp_path / "part")
    run(*check, part)
    assert run("blkid", "-p", "-o", "value", "-s", "TYPE", part).strip() == kind
    assert content(divided, "/dev/sda1")[:2] == ("ext4", "data")


def test_what_is_there_is_told_and_has_to_be_named(divided: Path) -> None:
    before = divided.read_bytes()
    refused = imgtools("format", divided, "/dev/sda1", "--type", "xfs", code=2)
    assert "it needs 300M at least" in refused.err
    refused = imgtools("format", divided, "/dev/sda1", "--type", "vfat", "--write", "--yes", code=17)
    assert (
        "/dev/sda1 holds ext4 “data”" in refused.err
        and "used" in refused.err
        and "--holds ext4" in refused.err
    )
    words = ("format", divided, "/dev/sda1", "--type", "vfat", "--holds", "data")
    shown = imgtools(*words, "--json")
    assert [one["kind"] for one in shown.data["changes"]] == [
        "lose-content",
        "clear-signatures",
        "make-filesystem",
    ]
    assert shown.data["held"][0].startswith("ext4 “data”") and "does not find the new one" in str(
        shown.json["warnings"]
    )
    assert "--yes says so" in imgtools(*words, "--write", code=2).err
    assert divided.read_bytes() == before
    imgtools(*words, "--write", "--yes")
    assert content(divided, "/dev/sda1")[0] == "vfat"


def test_a_uuid_that_is_kept(divided: Path) -> None:
    uuid = content(divided, "/dev/sda1")[2]
    words = ("--type", "ext4", "--holds", uuid, "--uuid", uuid, "--write", "--yes")
    done = imgtools("format", divided, "/dev/sda1", *words)
    assert "does not find" not in done.err and content(divided, "/dev/sda1") == ("ext4", "", uuid)


def test_nothing_of_the_old_content_is_left(divided: Path, tmp_path: Path) -> None:
    imgtools(
        "copy-in", divided, "-m", "/dev/sda1", _file(tmp_path, b"a secret of former use"), "/", "--write"
    )
    assert b"a secret of former use" in divided.read_bytes()
    done = imgtools("format", divided, "/dev/sda1", "--type", "none", "--holds", "ext4", "--write", "--yes")
    assert "take away all that /dev/sda1 holds" in done.out
    assert b"a secret of former use" not in divided.read_bytes() and content(divided, "/dev/sda1")[0] == ""
    again = imgtools("format", divided, "/dev/sda1", "--type", "none", "--write", "--yes", "--json").data
    assert not again["changed"] and again["changes"] == []


def _file(folder: Path, text: bytes) -> Path:
    path = folder / "secret"
    path.write_bytes(text * 1000)
    return path


def test_a_whole_disk(divided: Path, tmp_path: Path) -> None:
    refused = imgtools("format", divided, "/dev/sda", "--type", "ext4", code=17)
    assert "a GPT with /dev/sda1 (ext4), /dev/sda2 (swap), /dev/sda3 (nothing known)" in refused.err
    target = tmp_path / "whole.qcow2"
    words = ("--type", "ext4", "--label", "whole", "--holds", "gpt", "--output", target)
    imgtools("format", divided, "vda", *words)
    assert content(target, "/dev/sda")[:2] == ("ext4", "whole") and content(divided, "/dev/sda1")[0] == "ext4"


def test_a_logical_volume_in_one_piece_takes_no_boot(tmp_path: Path) -> None:
    image = tmp_path / "lvm.qcow2"
    shutil.copy(fixture_image("lvm"), image)
    refused = imgtools("format", image, "/dev/sda2", "--type", "ext4", code=17)
    assert "a physical volume of the group vg_main (root, home, swap_1)" in refused.err
    words = ("--type", "ext4", "--label", "other", "--holds", "swap", "--write", "--yes", "--json")
    done = imgtools("format", image, "/dev/vg_main/swap_1", *words).json
    assert done["engine"] == "direct" and content(image, "/dev/vg_main/swap_1")[:2] == ("ext4", "other")
    assert content(image, "/dev/vg_main/root")[:2] == ("ext4", "root")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("/dev/sdb1", "--type", "ext4"), "there is no disk, partition or volume /dev/sdb1"),
        (("/dev/sda3", "--type", "zfs"), "no such type of filesystem: zfs"),
        (("/dev/sda3", "--type", "ext4", "--label", "x" * 17), "at most 16 bytes"),
        (("/dev/sda3", "--type", "ext4", "--uuid", "x"), "no UUID of ext4"),
        (("/dev/sda3", "--type", "ext4", "--holds", "ext4"), "nothing there is 'ext4'"),
    ],
)
def test_words_that_do_not_fit(divided: Path, words: tuple[str, ...], said: str) -> None:
    with divided.open("rb") as stream:
        before = stream.read(26 * MIB)
    assert said in imgtools("format", divided, *words, "--write", "--yes", code=2).err
    with divided.open("rb") as stream:
        assert stream.read(26 * MIB) == before


def test_the_extended_partition_holds_no_filesystem(tmp_path: Path) -> None:
    image = tmp_path / "d.raw"
    with image.open("wb") as stream:
        stream.truncate(64 * MIB)
    imgtools("partition", "add", image, "--table", "mbr", "--type", "extended", "--write")
    refused = imgtools("format", image, "/dev/sda1", "--type", "ext4", "--write", "--yes", code=2)
    assert "is the extended partition" in refused.err
