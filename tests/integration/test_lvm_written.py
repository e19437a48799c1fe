"""Groups and volumes through their life, by LVM in the appliance; our reader and e2fsck look at each step."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB, qemu_img

pytestmark = pytest.mark.appliance


def lvs(image: Path) -> dict[str, int]:
    found = imgtools("filesystems", image, "--json").data["lvs"]
    return {one["device"]: one["size"] // MIB for one in found}


def test_the_life_of_a_group(tmp_path: Path) -> None:
    image = tmp_path / "d.raw"
    qemu_img("create", "-q", "-f", "raw", image, "420M")
    for _ in range(2):
        imgtools("partition", "add", image, "--size", "200M", "--type", "lvm", "--write")
    words = ("lvm", "create", image, "vg0/srv", "--pv", "/dev/sda1", "--size", "50M")
    planned = imgtools(*words, "--json").data
    done = imgtools(*words, "--write", "--json").data
    assert planned["changes"] == done["changes"] and done["written"] and not planned["written"]
    assert lvs(image) == {"/dev/vg0/srv": 52}
    imgtools("format", image, "/dev/vg0/srv", "--type", "ext4", "--label", "srv", "--write", "--yes")
    (tmp_path / "hello").write_text("hello\n")
    imgtools("copy-in", image, "-m", "/dev/vg0/srv", tmp_path / "hello", "/", "--write")

    grown = imgtools("lvm", "extend", image, "vg0/srv", "--pv", "/dev/sda2", "--write", "--json").data
    assert [one["kind"] for one in grown["changes"]][-2:] == ["extend-logical-volume", "grow-content"]
    assert lvs(image) == {"/dev/vg0/srv": 392}

    refused = imgtools("lvm", "reduce", image, "vg0", "--pv", "/dev/sda2", code=17)
    assert "/dev/vg0/srv lie on /dev/sda2" in refused.err
    cut = imgtools("lvm", "reduce", image, "vg0/srv", "--size", "100M", "--write", "--json").data
    assert [one["kind"] for one in cut["changes"]] == ["shrink-content", "shrink-logical-volume"]
    assert lvs(image) == {"/dev/vg0/srv": 100}
    assert imgtools("cat", image, "-m", "/dev/vg0/srv", "/hello").out == "hello\n"

    unnamed = imgtools("lvm", "remove", image, "vg0", code=17)
    assert "/dev/vg0/srv holds ext4 “srv”" in unnamed.err
    before = image.read_bytes()
    imgtools("lvm", "remove", image, "vg0", "--holds", "srv", "--output", tmp_path / "new.raw")
    assert image.read_bytes() == before and lvs(tmp_path / "new.raw") == {}
    assert [
        one["content"] for one in imgtools("filesystems", tmp_path / "new.raw", "--json").data["filesystems"]
    ] == ["", ""]
