"""imgtools snapshot list, create, apply and delete."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB, content_of, damage_counts, image_of, patch_image, qemu_img, random_bytes

BEFORE, AFTER = random_bytes(2 * MIB, 1), random_bytes(2 * MIB, 2)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return image_of(BEFORE, tmp_path / "d.qcow2", "qcow2")


def names(image: Path) -> list[str]:
    found = imgtools("snapshot", "list", "--json", image).data["snapshots"]
    return [one["name"] for one in found]


def test_create_shows_a_plan_and_write_does_it(image: Path) -> None:
    before = image.read_bytes()
    assert "Nothing was changed" in imgtools("snapshot", "create", image, "one").err
    assert image.read_bytes() == before
    imgtools("snapshot", "create", "--write", image, "one")
    assert names(image) == ["one"]
    qemu_img("check", image)
    assert [path.name for path in image.parent.iterdir()] == [image.name]


def test_apply_brings_content_and_size_back(image: Path) -> None:
    imgtools("snapshot", "create", "--write", image, "one")
    patch_image(image, 0, AFTER)
    qemu_img("resize", "-q", "-f", "qcow2", image, "4M")
    plan = imgtools("snapshot", "apply", image, "one").out
    assert "present state is lost" in plan and f"{2 * MIB} bytes again, not {4 * MIB}" in plan
    imgtools("snapshot", "apply", "--keep", "two", "--write", image, "one")
    assert content_of(image) == BEFORE
    assert names(image) == ["one", "two"]
    imgtools("snapshot", "apply", "--write", image, "2")
    assert content_of(image) == AFTER + bytes(2 * MIB)


def test_delete_by_id_or_name(image: Path) -> None:
    for name in ("one", "two", "-three"):
        imgtools("snapshot", "create", "--write", "--", image, name)
    imgtools("snapshot", "delete", "--write", image, "2")
    imgtools("snapshot", "delete", "--write", "--", image, "-three")
    assert names(image) == ["one"]
    qemu_img("check", image)


def test_name_that_is_taken_or_a_number(image: Path) -> None:
    imgtools("snapshot", "create", "--write", image, "one")
    for name in ("one", "1", "7", ""):
        imgtools("snapshot", "create", "--write", image, name, code=2)
    imgtools("snapshot", "apply", "--keep", "one", "--write", image, "one", code=2)
    assert names(image) == ["one"]


def test_two_of_one_name_are_told_apart(image: Path) -> None:
    qemu_img("snapshot", "-c", "twin", image)
    qemu_img("snapshot", "-c", "twin", image)
    assert "say one of the ids: 1, 2" in imgtools("snapshot", "apply", image, "twin", code=2).err
    assert "delete 1 first" in imgtools("snapshot", "delete", "--write", image, "2", code=2).err
    imgtools("snapshot", "delete", "--write", image, "1")
    assert names(image) == ["twin"]


def test_no_such_snapshot_and_no_such_ability(image: Path, tmp_path: Path) -> None:
    assert "it has: none" in imgtools("snapshot", "apply", image, "x", code=2).err
    for format in ("raw", "vmdk", "vdi", "vhdx"):
        other = image_of(BEFORE, tmp_path / f"d.{format}", format)
        assert "no internal snapshots" in imgtools("snapshot", "create", other, "x", code=14).err
        assert imgtools("snapshot", "list", "--json", other).data["snapshots"] == []


def test_list_for_a_pipe_has_the_size_of_then(image: Path) -> None:
    imgtools("snapshot", "create", "--write", image, "with\ttab")
    head, row = imgtools("snapshot", "list", image).out.splitlines()
    assert head == "Id\tName\tTime\tDisk\tMemory"
    assert row.split("\t")[:2] == ["1", r"with\ttab"] and row.split("\t")[3] == str(2 * MIB)


def test_image_with_bitmaps_is_not_set_back(image: Path) -> None:
    imgtools("snapshot", "create", "--write", image, "one")
    imgtools("bitmap", "add", "--disabled", "--write", image, "b")
    for words in ((), ("--write",), ("--keep", "two")):
        assert "bitmap delete" in imgtools("snapshot", "apply", *words, image, "one", code=14).err
    imgtools("bitmap", "remove", "--write", image, "b")
    imgtools("snapshot", "apply", "--write", image, "one")


def test_image_with_a_data_file_has_no_snapshots(tmp_path: Path) -> None:
    image = tmp_path / "d.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"data_file={tmp_path / 'd.data'}", image, "1M")
    assert "d.data" in imgtools("snapshot", "create", image, "one", code=14).err


def test_damaged_image_is_not_changed(image: Path) -> None:
    damage_counts(image, corrupt=True)
    before = image.read_bytes()
    for words in (("snapshot", "create", image, "one"), ("dd", image.parent / "patch", image)):
        image_of(AFTER, image.parent / "patch")
        assert "check --repair" in imgtools(*words, "--write", code=10).err
    assert "corruptions" in imgtools("snapshot", "create", image, "one", code=10).err
    assert image.read_bytes() == before
    imgtools("check", "--repair", "all", "--write", image)
    imgtools("snapshot", "create", "--write", image, "one")


def test_image_that_is_marked_as_corrupt(image: Path) -> None:
    with image.open("r+b") as stream:
        stream.seek(72)  # incompatible_features (qcow2.txt); bit 1: corrupt
        features = int.from_bytes(stream.read(8), "big")
        stream.seek(72)
        stream.write((features | 2).to_bytes(8, "big"))
    for words in ((), ("--write",)):
        assert "marked as corrupt" in imgtools("snapshot", "create", *words, image, "one", code=10).err
