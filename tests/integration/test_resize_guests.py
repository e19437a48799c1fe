"""Guests that were resized in place boot and have the room; containers grow with what is in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fixtures.boot import booted
from fixtures.real import PASSWORDS
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture
from tests.support.resizable import table_of

pytestmark = pytest.mark.appliance
GIB = 1 << 30


def sizes(said: str) -> list[int]:
    """The numbers that a guest printed, a line each."""
    return [int(line) for line in said.split("\n") if re.fullmatch(r"\d+", line.strip())]


@pytest.mark.real
def test_a_guest_on_lvm_boots_larger(tmp_path: Path) -> None:
    (image,) = copy_fixture("real", tmp_path)
    words = ("resize", image, "+2G", "--lv-expand", "/dev/vg0/root", "--json")
    shown = imgtools(*words)
    done = imgtools(*words, "--write")
    assert done.data["changes"] == shown.data["changes"] and done.json["engine"] == "appliance"
    with booted(image) as console:
        console.login("root", PASSWORDS["root"])
        said = console.run(
            "blockdev --getsize64 /dev/vda; df -B1 --output=size / | tail -1 | tr -d ' ';"
            " vgs --noheadings -o vg_free --units b --nosuffix vg0 | tr -d ' ';"
            " dmesg | grep -c 'EXT4-fs error'; true"
        )
    disk, root, free, errors = sizes(said)
    assert disk == 8 * GIB and 7 * GIB < root < 8 * GIB
    assert free == 0 == errors


@pytest.mark.real
def test_a_cloud_disk_keeps_its_numbers_and_boots_larger(tmp_path: Path) -> None:
    """The case that virt-resize breaks: root is number 1, and lies behind 14 and 15."""
    (image,) = copy_fixture("real-plain", tmp_path)
    before = table_of(image)
    done = imgtools("resize", image, "6G", "--expand", "auto", "--write", "--json")
    assert done.json["engine"] == "direct"
    after = table_of(image)
    assert after[1]["size"] > before[1]["size"]
    before[1]["size"] = after[1]["size"]
    assert after == before
    image.with_name(image.name + ".flat").unlink()
    with booted(image) as console:
        console.login("root", PASSWORDS["root"])
        disk, root = sizes(
            console.run("blockdev --getsize64 /dev/vda; df -B1 --output=size / | tail -1 | tr -d ' '")
        )
    assert disk == 6 * GIB and 5 * GIB < root < 6 * GIB


def test_what_a_locked_container_holds_grows_with_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LUKS2, in it LVM, in it ext4: one boot. Without the key the image stays as it is."""
    (image,) = copy_fixture("luks2", tmp_path)
    monkeypatch.setenv("PASSPHRASE", "fixture")
    key = ("--key", "all:env:PASSPHRASE")
    words = ("resize", image, "+200M", "--expand", "auto", "--lv-expand", "/dev/vg_crypt/root", "--write")
    old = image.read_bytes()
    assert "--key" in imgtools(*words, code=23).err
    assert image.read_bytes() == old
    imgtools(*words, *key)
    rows = imgtools("filesystems", "--json", *key, image).data["filesystems"]
    root = next(row for row in rows if row["device"] == "/dev/vg_crypt/root")
    assert root["used"] + root["available"] > 300 << 20 and root["size"] > 400 << 20
