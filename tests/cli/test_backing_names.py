"""Which file the name of a backing file means: that of the image's folder, as for qemu-img, and the other is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Ran, imgtools
from tests.support.disks import MIB, qemu_img

MEANT = "is meant, in the folder of the image, as qemu-img takes it"


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below the one where one stands; base.raw is in both, and each has one of its own."""
    images = tmp_path / "images"
    images.mkdir()
    for name, size in (("base.raw", MIB), ("here.raw", 2 * MIB), ("images/base.raw", 4 * MIB)):
        (tmp_path / name).write_bytes(bytes(size))
    (images / "there.raw").write_bytes(bytes(8 * MIB))
    qemu_img("create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", images / "old.qcow2")
    monkeypatch.chdir(tmp_path)
    return images


def create(name: str) -> Ran:
    return imgtools("create", "images/top.qcow2", "-b", name, "-F", "raw", "--json")


def test_a_new_image_stands_on_the_file_beside_it(images: Path) -> None:
    both = create("base.raw")
    assert both.data["virtual_size"] == 4 * MIB and both.data["backing"] == "base.raw"
    assert f"images/base.raw {MEANT}, and not {Path('base.raw').absolute()}" in both.err
    assert MEANT in both.json["warnings"][0]["text"]


@pytest.mark.parametrize(("name", "size"), [("there.raw", 8 * MIB), ("here.raw", 2 * MIB)])
def test_where_only_one_is_there_it_is_that(images: Path, name: str, size: int) -> None:
    made = create(name)
    assert made.data["virtual_size"] == size and MEANT not in made.err


def test_one_file_in_two_places_is_one(images: Path) -> None:
    Path("base.raw").unlink()
    Path("base.raw").symlink_to("images/base.raw")
    assert MEANT not in create("base.raw").err


def test_another_base_is_looked_for_in_the_same_way(images: Path) -> None:
    words = ("rebase", "images/old.qcow2", "-b")
    both = imgtools(*words, "base.raw", "-F", "raw", "--json")
    assert both.data["backing"] == "base.raw" and MEANT in both.err
    there = imgtools(*words, "there.raw", "-F", "raw", "--json")
    assert there.data["backing"] == "there.raw" and MEANT not in there.err
    assert (
        imgtools("commit", "images/old.qcow2", "-b", "base.raw", "--json")
        .data["base"]
        .endswith("images/base.raw")
    )


def test_a_copy_on_another_base_is_told_where_they_differ(images: Path) -> None:
    words = ("convert", "images/old.qcow2", "images/new.qcow2", "--overwrite", "-F", "raw", "--json", "-b")
    same = imgtools(*words, "base.raw")
    assert MEANT in same.err and "differs" not in same.err
    longer = imgtools(*words, "there.raw")
    assert f"has {8 * MIB} bytes" in longer.err and "differs" not in longer.err
    content = bytearray(4 * MIB)
    content[MIB] = 7
    (images / "other.raw").write_bytes(content)
    other = imgtools(*words, "other.raw")
    assert f"differs from the one of images/old.qcow2, for instance at byte {MIB}" in other.err
    assert any("differs" in one["text"] for one in other.json["warnings"])
