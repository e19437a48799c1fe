"""Disks with sectors of 4096 bytes: found by itself where a GPT tells, said with --blocksize where an MBR does not."""

from __future__ import annotations

from pathlib import Path

import pytest

import imgtools as door
from imgtools.errors import NoGuest, UsageError
from tests.support.big_sectors import gpt_disk, mbr_disk
from tests.support.command import imgtools


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gpt_disk(tmp_path_factory.mktemp("gpt"))


@pytest.fixture(scope="module")
def mbr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mbr_disk(tmp_path_factory.mktemp("mbr"))


def hostname(*words: object) -> str:
    return imgtools("cat", *words, "/etc/hostname").out


def test_a_gpt_tells_by_itself(gpt: Path) -> None:
    assert hostname(gpt) == hostname("--blocksize", 4096, gpt) == "on-gpt\n"


def test_an_mbr_does_not(mbr: Path) -> None:
    assert hostname("--blocksize", 4096, mbr) == "on-mbr\n"
    assert imgtools("cat", mbr, "/etc/hostname", code=NoGuest.exit_code).err
    assert imgtools("cat", "--blocksize", "512", mbr, "/etc/hostname", code=NoGuest.exit_code).err


def test_logical_partitions_count_large_sectors_too(mbr: Path) -> None:
    rows = imgtools("filesystems", "--blocksize", "4096", mbr, "--json").json["data"]["partitions"]
    assert [(row["number"], row["start"], row["size"]) for row in rows] == [
        (1, 1 << 20, 16 << 20), (2, 17 << 20, 1 << 20), (5, (17 << 20) + 8 * 4096, 128 * 4096),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("512", "imgtools: /dev/sda has a partition table in sectors of 4096 bytes, not 512"),
        ("1024", "imgtools: no disk has sectors of 1024 bytes"),
        ("0", "imgtools: no disk has sectors of 0 bytes"),
    ],
)
def test_what_cannot_be_is_refused(gpt: Path, size: str, said: str) -> None:
    ran = imgtools("ls", "--blocksize", size, gpt, "/", code=UsageError.exit_code)
    assert ran.err.splitlines()[0] == said
    assert "--blocksize" in ran.err.splitlines()[1]


def test_a_whole_disk_has_the_sectors_that_were_said(tmp_path: Path) -> None:
    blank = tmp_path / "blank.img"
    blank.write_bytes(bytes(1 << 20))
    with door.open_image(blank, blocksize=4096) as image:
        (disk,) = image.layout().disks
        assert (disk.table, disk.sector_size, image.layout().volumes[0].sector_size) == ("", 4096, 4096)


def test_the_door_takes_it_too(mbr: Path) -> None:
    assert door.cat(mbr, "/etc/hostname", blocksize=4096) == b"on-mbr\n"
    with pytest.raises(UsageError, match="no disk has sectors of 100 bytes"):
        door.cat(mbr, "/etc/hostname", blocksize=100)


def test_a_change_finds_its_place(mbr: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.img"
    copy.write_bytes(mbr.read_bytes())
    imgtools("write", "--blocksize", "4096", copy, "/etc/hostname", "--content", "changed", "--write")
    assert hostname("--blocksize", 4096, copy) == "changed\n"
    assert copy.read_bytes()[: 1 << 20] == mbr.read_bytes()[: 1 << 20]


@pytest.mark.appliance
def test_the_appliance_sees_the_same(gpt: Path, mbr: Path) -> None:
    """Both as disks of one machine: one launch."""
    words = ("--blocksize", "4096", mbr, "--add", gpt, "--json")
    direct, appliance = (
        imgtools("filesystems", "--engine", engine, *words).json["data"] for engine in ("direct", "appliance")
    )
    assert direct == appliance
    assert [row["content"] for row in direct["filesystems"]] == ["ext4", "", "", "ext4"]
