"""imgtools lvm: plans that our own reader of the metadata makes, without a boot, and what is refused.

What is written is in tests/integration/test_lvm_written.py.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB
from tests.support.fixtures import fixture_image


@pytest.fixture(scope="module")
def image() -> Path:
    """vg_main on sda2 (root, home, swap_1; 112 MiB free), vg_data on sda3 (srv-data), ext2 on sda1."""
    return fixture_image("lvm")


def planned(*words: str | Path) -> Any:  # Any: JSON
    ran = imgtools("lvm", *words, "--json")
    data = ran.data
    assert ran.json["engine"] == "appliance" and not data["written"] and data["changed"]
    return [(one["kind"], one.get("size", one.get("old_size", 0)) // MIB) for one in data["changes"]]


def test_plans_take_no_boot_and_change_nothing(image: Path) -> None:
    before = hashlib.sha256(image.read_bytes()).digest()
    assert planned("create", image, "vg_main/new", "--size", "10M") == [("make-logical-volume", 12)]
    assert planned("create", image, "vg_main/new") == [("make-logical-volume", 112)]
    assert planned("create", image, "vg1/lv", "--pv", "/dev/sda1", "--holds", "ext2", "--extent-size", "1M") == [
        ("lose-content", 0), ("make-physical-volume", 63), ("make-volume-group", 1), ("make-logical-volume", 63),
    ]  # fmt: skip
    assert planned("extend", image, "/dev/vg_main/home", "--size", "+10M") == [
        ("extend-logical-volume", 76), ("grow-content", 76),
    ]  # fmt: skip
    assert planned("extend", image, "vg_data/srv-data", "--pv", "/dev/sda1", "--holds", "ext2")[-2:] == [
        ("extend-logical-volume", 312), ("grow-content", 312),
    ]  # fmt: skip
    assert planned("reduce", image, "vg_main/home", "--size", "-13M") == [
        ("shrink-content", 52), ("shrink-logical-volume", 52),
    ]  # fmt: skip
    assert planned("reduce", image, "vg_main/swap_1", "--size", "16M") == [
        ("shrink-logical-volume", 16), ("make-swap", 0),
    ]  # fmt: skip
    assert planned("remove", image, "vg_data/srv-data", "--holds", "srv") == [
        ("lose-content", 0), ("remove-logical-volume", 100),
    ]  # fmt: skip
    assert planned("remove", image, "vg_main", "--holds", "ext4", "--holds", "swap")[3:] == [
        ("remove-volume-group", 0), ("remove-physical-volume", 0),
    ]  # fmt: skip
    assert hashlib.sha256(image.read_bytes()).digest() == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("create", "vg_main/root"), 2, "there is a logical volume /dev/vg_main/root already"),
        (("create", "vg_main", "--pv", "/dev/sda1"), 2, "there is a volume group vg_main already"),
        (("create", "vg_main/x", "--size", "113M"), 46, "vg_main has 117440512 bytes free"),
        (("create", "vg1"), 2, "is made of devices"),
        (("create", "vg1/x"), 2, "no volume group vg1"),
        (("create", "vg1", "--pv", "/dev/sda1"), 17, "/dev/sda1 holds ext2"),
        (("create", "vg1", "--pv", "/dev/sda2"), 2, "a physical volume of vg_main"),
        (
            ("create", "vg1", "--pv", "/dev/sda1", "--holds", "ext2", "--size", "1M"),
            2,
            "is of a logical volume",
        ),
        (
            ("create", "vg1", "--pv", "/dev/sda1", "--holds", "ext2", "--extent-size", "3M"),
            2,
            "size of extents",
        ),
        (
            ("create", "vg1", "--pv", "/dev/sda1", "--holds", "ext2", "--extent-size", "128M"),
            46,
            "has 67108864 bytes",
        ),
        (("create", "a/b/c"), 2, "not a group or logical volume"),
        (("create", "vg_main/-x"), 2, "not a name that LVM takes"),
        (("create", "vg_main/x_rimage_0"), 2, "for its own parts"),
        (("extend", "vg_main"), 2, "grows by devices"),
        (("extend", "vg_main/root", "--size", "200M"), 2, "is no growth"),
        (("extend", "vg_main/root", "--size", "+1G"), 46, "and 1073741824 are wanted"),
        (("extend", "vg_main/none", "--size", "+4M"), 2, "it has: root, home, swap_1"),
        (("reduce", "vg_main/root"), 2, "a volume some of its size"),
        (("reduce", "vg_main/root", "--size", "+1M"), 2, "is not reduced to"),
        (("reduce", "vg_main/home", "--size", "4M"), 17, "and would get 4194304"),
        (("reduce", "vg_main", "--pv", "/dev/sda2"), 2, "the last physical volume"),
        (("reduce", "vg_main", "--pv", "/dev/sda3"), 2, "no physical volume of vg_main"),
        (("remove", "vg_main/home"), 17, "/dev/vg_main/home holds ext4"),
        (("remove", "vg_main/home", "--holds", "swap"), 17, "--holds ext4"),
        (("remove", "vg_none"), 2, "it has: vg_main, vg_data"),
        (("remove", "vg_main", "--holds", "ext4"), 17, "/dev/vg_main/swap_1 holds swap"),
    ],
)
def test_what_is_refused(image: Path, words: tuple[str, ...], code: int, said: str) -> None:
    verb, *rest = words
    ran = imgtools("lvm", verb, image, *rest, code=code)
    assert said in ran.err + ran.out and ran.err.count("imgtools: ") == 1 + ran.err.count("imgtools: warning")
