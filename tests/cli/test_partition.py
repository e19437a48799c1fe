"""imgtools partition list, add, remove and set, held against sfdisk."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from imgtools import partition_remove
from imgtools.engine.process import require
from tests.support.command import imgtools
from tests.support.disks import MIB, qemu_img
from tests.support.divided import at, make_disk, run

ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"


def blank(path: Path, size: str = "64M", format: str = "raw") -> Path:
    qemu_img("create", "-q", "-f", format, path, size)
    return path


def raw_of(image: Path) -> Path:
    raw = image.with_suffix(".plain")
    qemu_img("convert", "-O", "raw", image, raw)
    return raw


def told(image: Path) -> dict[str, Any]:
    """What sfdisk finds; it complains of nothing."""
    raw = raw_of(image)
    done = subprocess.run([require("sfdisk"), "--verify", raw], check=True, capture_output=True, text=True)
    assert "No errors detected" in done.stdout and not done.stderr
    table: dict[str, Any] = json.loads(run("sfdisk", "--json", raw))["partitiontable"]
    return table


def listed(image: Path) -> list[tuple[str, int, int, str]]:
    found = imgtools("partition", "list", "--json", image).data["partitions"]
    return [(one["device"], one["start"] // MIB, one["size"] // MIB, one["type_name"]) for one in found]


@pytest.fixture
def divided(tmp_path: Path) -> Path:
    """A GPT of 64 MiB: an ESP, an ext4 called data, room, a swap area."""
    disk = tmp_path / "d.raw"
    entries = [
        at(1, 1, 8, ESP, uuid="11111111-0077-4000-8000-000000000001", name="ESP"),
        at(2, 9, 16, LINUX, uuid="11111111-0077-4000-8000-000000000002", name="data"),
        at(3, 41, 8, LINUX, uuid="11111111-0077-4000-8000-000000000003"),
    ]
    make_disk(disk, 64, "gpt", entries, {2: ["mkfs.ext4", "-q", "-L", "data"], 3: ["mkswap", "-q"]})
    return disk


def test_a_disk_is_divided(tmp_path: Path) -> None:
    image = blank(tmp_path / "d.qcow2", format="qcow2")
    before = image.read_bytes()
    shown = imgtools("partition", "add", image, "--size", "8M", "--type", "esp", "--name", "ESP")
    assert "make a GPT on /dev/sda\nmake partition 1, 8.0M (8388608 bytes) from byte 1048576" in shown.out
    assert "--write does it" in shown.err and image.read_bytes() == before
    done = imgtools(
        "partition", "add", image, "--size", "8M", "--type", "esp", "--name", "ESP", "--write", "--json"
    )
    assert done.data["written"] and [one["kind"] for one in done.data["changes"]] == [
        "make-table",
        "make-partition",
    ]
    guid = "6a0b1c2d-0077-4000-8000-00000000000a"
    words = (
        "--type",
        "lvm",
        "--uuid",
        guid,
        "--attribute",
        "required",
        "--attribute",
        "guid:63",
        "--bootable",
    )
    imgtools("partition", "add", image, *words, "--number", "5", "--write")
    table = told(image)
    assert table["label"] == "gpt"
    first, second = table["partitions"]
    assert (first["start"], first["size"], first["type"], first["name"]) == (2048, 16384, ESP, "ESP")
    assert second["uuid"] == guid.upper() and second["node"].endswith("5")
    assert second["attrs"] == "RequiredPartition LegacyBIOSBootable GUID:63"
    assert second["start"] == 18432 and (second["start"] + second["size"]) % 2048 == 0
    assert listed(image)[1] == ("/dev/sda5", 9, 54, "lvm")


def test_an_mbr_with_logical_partitions(tmp_path: Path) -> None:
    image = blank(tmp_path / "d.raw")
    for words in (
        ("--table", "mbr", "--size", "8M", "--bootable", "--type", "fat32"),
        ("--size", "8M"),
        ("--size", "4M", "--type", "swap"),
        ("--type", "extended"),
        ("--size", "4M"),  # the fifth: it can only be logical
        ("--size", "+4M", "--logical", "--type", "8e"),
        ("--logical", "--type", "raid"),
    ):
        imgtools("partition", "add", image, *words, "--write")
    table = told(image)
    assert [one["type"] for one in table["partitions"]] == ["c", "83", "82", "5", "83", "8e", "fd"]
    assert table["partitions"][0]["bootable"] is True
    assert all(one["start"] % 2048 == 0 for one in table["partitions"])
    warned = imgtools("partition", "remove", image, "/dev/sda5", "--write")
    assert "/dev/sda6: becomes /dev/sda5" in warned.err and "/dev/sda7: becomes /dev/sda6" in warned.err
    assert [one["type"] for one in told(image)["partitions"]] == ["c", "83", "82", "5", "8e", "fd"]
    refused = imgtools("partition", "remove", image, "4", "--write", code=2)
    assert "holds 5, 6" in refused.err
    for number in ("6", "5", "4"):
        imgtools("partition", "remove", image, number, "--write")
    assert [one["type"] for one in told(image)["partitions"]] == ["c", "83", "82"]


def test_removing_names_what_is_lost(divided: Path) -> None:
    before = divided.read_bytes()
    refused = imgtools("partition", "remove", divided, "/dev/sda2", "--write", code=17)
    assert "/dev/sda2 holds ext4 “data”" in refused.err and "--holds ext4" in refused.err
    other = imgtools("partition", "remove", divided, "/dev/sda2", "--holds", "swap", "--write", code=17)
    assert "ext4" in other.err
    nothing = imgtools("partition", "remove", divided, "/dev/sda1", "--holds", "vfat", code=2)
    assert "nothing there is 'vfat'" in nothing.err
    assert divided.read_bytes() == before
    done = imgtools("partition", "remove", divided, "vda2", "--holds", "data", "--write", "--json").data
    assert [one["kind"] for one in done["changes"]] == ["lose-content", "remove-partition"]
    assert [one["node"][-1] for one in told(divided)["partitions"]] == ["1", "3"]
    shown = imgtools("partition", "add", divided, "--size", "16M")
    assert "an old ext4 of former use shows there" in shown.err


def test_what_nobody_knows_is_something(divided: Path) -> None:
    with divided.open("r+b") as stream:
        stream.seek(MIB + 512)
        stream.write(b"a core image")
    refused = imgtools("partition", "remove", divided, "1", code=17)
    assert "something unknown" in refused.err and "--holds unknown" in refused.err
    imgtools("partition", "remove", divided, "1", "--holds", "unknown", "--write")


def test_set_changes_what_is_said_and_nothing_else(divided: Path) -> None:
    words = ("--type", "home", "--name", "Zuhaus", "--attribute", "no-block-io")
    done = imgtools("partition", "set", divided, "PARTLABEL=data", *words, "--write")
    assert done.out.count("set the ") == 3
    first, second, third = told(divided)["partitions"]
    assert (second["name"], second["attrs"]) == ("Zuhaus", "NoBlockIOProtocol")
    assert second["type"] == "933AC7E1-2EB4-4F13-B844-0E14E2AEF915"
    assert second["uuid"] == "11111111-0077-4000-8000-000000000002"
    imgtools("partition", "set", divided, "2", "--bootable", "--write")
    assert told(divided)["partitions"][1]["attrs"] == "NoBlockIOProtocol LegacyBIOSBootable"
    imgtools("partition", "set", divided, "2", "--attribute", "none", "--write")
    assert "attrs" not in told(divided)["partitions"][1]
    again = imgtools("partition", "set", divided, "2", "--name", "Zuhaus", "--write", "--json").data
    assert not again["changed"] and not again["written"] and again["changes"] == []
    assert (first["name"], third["start"]) == ("ESP", 41 * 2048)


def test_size_of_a_partition(divided: Path) -> None:
    grown = imgtools("partition", "set", divided, "2", "--size", "+4M", "--write")
    assert "the ext4 in it stays as large as it is" in grown.err
    assert told(divided)["partitions"][1]["size"] == 20 * 2048
    refused = imgtools("partition", "set", divided, "2", "--size", "40M", code=46)
    assert "cannot grow by 20971520 bytes" in refused.err and "12582912 are free" in refused.err
    imgtools("partition", "set", divided, "2", "--size", "rest", "--write")
    assert told(divided)["partitions"][1]["size"] == 32 * 2048
    cut = imgtools("partition", "set", divided, "2", "--size", "8M", "--write", code=17)
    assert "imgtools resize --shrink" in cut.err
    imgtools("partition", "set", divided, "1", "--size", "2M", "--write")
    assert told(divided)["partitions"][0]["size"] == 2 * 2048


def test_a_disk_that_has_grown_is_mended(tmp_path: Path, divided: Path) -> None:
    with divided.open("r+b") as stream:
        stream.truncate(96 * MIB)
    assert "not at the end of the disk" in imgtools("partition", "list", divided).err
    assert (
        imgtools("partition", "list", divided, "--json").data["free"][-1]["size"] < 24 * MIB + 23 * MIB + MIB
    )
    shown = imgtools("partition", "set", divided, "--mend")
    assert "write both copies of the GPT anew" in shown.out
    added = imgtools("partition", "add", divided, "--size", "40M", "--write", "--json").data
    assert [one["kind"] for one in added["changes"]] == ["make-partition", "move-backup-table"]
    told(divided)
    assert imgtools("partition", "list", divided).err == ""
    assert not imgtools("partition", "set", divided, "--mend", "--write", "--json").data["changed"]


def test_a_damaged_copy_is_mended(divided: Path) -> None:
    with divided.open("r+b") as stream:
        stream.seek(512)
        stream.write(bytes(512))
    imgtools("partition", "set", divided, "--mend", "--write")
    assert len(told(divided)["partitions"]) == 3


def test_new_image(divided: Path, tmp_path: Path) -> None:
    before, target = divided.read_bytes(), tmp_path / "new.raw"
    done = imgtools("partition", "add", divided, "--size", "4M", "--output", target, "--json").data
    assert done["written"] and done["output"] == str(target) and divided.read_bytes() == before
    assert len(told(target)["partitions"]) == 4 and len(told(divided)["partitions"]) == 3
    assert "is there already" in imgtools("partition", "add", divided, "--output", target, code=15).err


def test_a_new_image_can_have_another_format(divided: Path, tmp_path: Path) -> None:
    target = tmp_path / "other.img"
    words = ("partition", "add", divided, "--size", "4M")
    assert "are about a new image" in imgtools(*words, "--compress", code=2).err and not target.exists()
    assert imgtools(*words, "--output", target, "-O", "raw", "--compress", code=2).err and not target.exists()
    imgtools(*words, "--output", target, "-O", "qcow2", "--compress")
    assert json.loads(run("qemu-img", "info", "--output=json", target))["format"] == "qcow2"
    assert len(told(target)["partitions"]) == 4 and len(told(divided)["partitions"]) == 3
    partition_remove(divided, "3", output=target, output_format="vmdk", holds="swap", overwrite=True)
    assert json.loads(run("qemu-img", "info", "--output=json", target))["format"] == "vmdk"
    assert len(told(target)["partitions"]) == 2


def test_sectors_of_4096_bytes(tmp_path: Path) -> None:
    image = blank(tmp_path / "d.raw")
    imgtools("partition", "add", image, "--blocksize", "4096", "--size", "8M", "--write")
    imgtools("partition", "add", image, "--blocksize", "4096", "--type", "swap", "--write")
    found = imgtools("partition", "list", image, "--json").data
    assert found["sector_size"] == 4096
    assert [one["start"] // MIB for one in found["partitions"]] == [1, 9]
    header = image.read_bytes()[4096 : 4096 + 92]
    assert header[:8] == b"EFI PART" and struct.unpack_from("<Q", header, 32)[0] == 64 * MIB // 4096 - 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--size", "1G"), 46, "the largest gap has"),
        (("--size", "0"), 2, "of 0 bytes"),
        (("--size", "much"), 2, "not a size"),
        (("--start", "9M"), 46, "partition 2 has bytes 9437184 to 26214400"),
        (("--start", "0"), 46, "outside of what partitions may use"),
        (("--start", "26M", "--size", "16M"), 46, "15728640 bytes behind it"),
        (("--start", "100"), 2, "start of a sector"),
        (("--number", "2"), 2, "a partition 2 already"),
        (("--number", "129"), 2, "1 to 128"),
        (("--type", "reiser"), 2, "not a type of partition"),
        (("--type", "extended"), 2, "a GPT has no type 'extended'"),
        (("--name", "x" * 37), 2, "36 characters"),
        (("--uuid", "x"), 2, "not a GUID"),
        (("--uuid", "11111111-0077-4000-8000-000000000001"), 2, "has the GUID"),
        (("--attribute", "guid:3"), 2, "not an attribute"),
        (("--alignment", "3K"), 2, "a power of two"),
        (("--table", "mbr"), 2, "has a GPT already"),
        (("--table", "sun"), 2, "gpt or mbr"),
        (("--logical",), 2, "no extended partition"),
        (("--holds", "ext4"), 2, "nothing is destroyed"),
    ],
)
def test_words_that_do_not_fit(divided: Path, words: tuple[str, ...], code: int, said: str) -> None:
    before = divided.read_bytes()
    ran = imgtools("partition", "add", divided, *words, "--write", code=code)
    assert said in ran.err and divided.read_bytes() == before


def test_facts_that_an_mbr_does_not_have(tmp_path: Path) -> None:
    image = blank(tmp_path / "d.raw")
    imgtools("partition", "add", image, "--table", "mbr", "--size", "8M", "--write")
    for words in (
        ("--name", "x"),
        ("--attribute", "required"),
        ("--uuid", "11111111-0077-4000-8000-000000000001"),
    ):
        assert "an MBR has no" in imgtools("partition", "set", image, "1", *words, code=2).err
    assert "stays so" in imgtools("partition", "set", image, "1", "--type", "extended", code=2).err
    assert "has no partition 7" in imgtools("partition", "set", image, "7", "--bootable", code=2).err
    imgtools("partition", "set", image, "1", "--bootable", "--write")
    assert told(image)["partitions"][0]["bootable"] is True
    imgtools("partition", "set", image, "1", "--no-bootable", "--write")
    assert "bootable" not in told(image)["partitions"][0]


def test_a_disk_that_is_a_filesystem(tmp_path: Path) -> None:
    image = blank(tmp_path / "d.raw")
    run("mkfs.ext4", "-q", "-L", "whole", image)
    assert "/dev/sda holds ext4 “whole”" in imgtools("partition", "add", image, "--write", code=17).err
    assert "no partition table" in imgtools("partition", "remove", image, "1", code=2).err
    assert imgtools("partition", "list", image, "--json").data["table"] == ""
    done = imgtools("partition", "add", image, "--holds", "whole", "--write", "--json").data
    assert [one["kind"] for one in done["changes"]] == ["lose-content", "make-table", "make-partition"]
    # Nothing of the filesystem shows any more.
    assert "ext4" not in run("wipefs", raw_of(image))


def test_several_disks(divided: Path, tmp_path: Path) -> None:
    other = blank(tmp_path / "o.raw")
    assert "one disk at a time" in imgtools("partition", "list", divided, "--add", other, code=2).err
