"""imgtools compare."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import FORMATS, MIB, image_of, patch_image, qemu_img, sparse_content

CONTENT = sparse_content()


@pytest.mark.parametrize("format", FORMATS)
def test_formats_do_not_matter(tmp_path: Path, format: str) -> None:
    plain = image_of(CONTENT, tmp_path / "d.raw")
    other = image_of(CONTENT, tmp_path / "other", format)
    assert imgtools("compare", plain, other, "--other-format", format).out == "identical\n"


def test_first_difference_is_told(tmp_path: Path) -> None:
    first = image_of(CONTENT, tmp_path / "a.qcow2", "qcow2")
    second = image_of(CONTENT, tmp_path / "b.qcow2", "qcow2")
    patch_image(second, 5 * MIB, b"x" * 65536)
    ran = imgtools("compare", "--json", first, second, code=1)
    assert (ran.data["identical"], ran.data["offset"]) == (False, 5 * MIB)


@pytest.mark.parametrize("at", [0, 700_001, 8 * MIB - 1])
def test_offset_is_that_of_the_byte(tmp_path: Path, at: int) -> None:
    first = image_of(CONTENT, tmp_path / "a.qcow2", "qcow2")
    changed = bytearray(CONTENT)
    changed[at] ^= 1
    second = image_of(bytes(changed), tmp_path / "b.raw")
    assert imgtools("compare", first, second, code=1).out == f"different from byte {at} on\n"


def test_offset_behind_the_end_of_the_shorter(tmp_path: Path) -> None:
    first = image_of(CONTENT[:1000], tmp_path / "a.raw")
    second = image_of(CONTENT[:1000] + bytes(5000) + b"x", tmp_path / "b.raw")
    assert imgtools("compare", "--json", first, second, code=1).data["offset"] == 6000
    assert imgtools("compare", "--json", second, first, code=1).data["offset"] == 6000


def test_longer_one_may_end_in_zeros_unless_strict(tmp_path: Path) -> None:
    first = image_of(CONTENT, tmp_path / "a.raw")
    second = image_of(CONTENT + bytes(MIB), tmp_path / "b.raw")
    imgtools("compare", first, second)
    ran = imgtools("compare", "--strict", first, second, code=1)
    assert ran.out == f"different: the sizes differ: {8 * MIB} and {9 * MIB} bytes\n"
    third = image_of(CONTENT + bytes(1024) + b"x" * 512, tmp_path / "c.raw")
    imgtools("compare", first, third, code=1)


def test_strict_asks_what_is_allocated(tmp_path: Path) -> None:
    first = image_of(CONTENT, tmp_path / "a.raw")
    second = image_of(CONTENT, tmp_path / "b.qcow2", "qcow2")
    assert imgtools("compare", "--json", first, second).data["reason"] == ""
    ran = imgtools("compare", "--strict", "--json", first, second, code=1)
    assert ran.data["reason"].startswith("what is allocated differs from byte")


def test_snapshot_against_the_present(tmp_path: Path) -> None:
    image = image_of(CONTENT, tmp_path / "d.qcow2", "qcow2")
    qemu_img("snapshot", "-c", "one", image)
    patch_image(image, 0, b"y" * 65536)
    old = image_of(CONTENT, tmp_path / "old.raw")
    imgtools("compare", "--snapshot", "one", image, old)
    imgtools("compare", image, old, code=1)
    imgtools("compare", old, image, "--other-snapshot", "one")


def test_what_cannot_be_read_is_an_error_not_a_difference(tmp_path: Path) -> None:
    image = image_of(CONTENT, tmp_path / "d.raw")
    imgtools("compare", image, tmp_path / "gone", code=3)
    imgtools("compare", image, image, "--other-format", "vdi", code=10)
