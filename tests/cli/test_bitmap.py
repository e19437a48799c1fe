"""imgtools bitmap list, add, remove, clear, enable, disable and merge."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB, image_of, qemu_img, random_bytes

CONTENT = random_bytes(2 * MIB)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return image_of(CONTENT, tmp_path / "d.qcow2", "qcow2")


def bitmaps(image: Path) -> list[tuple[str, int, str]]:
    found = imgtools("bitmap", "list", "--json", image).data["bitmaps"]
    return [(one["name"], one["granularity"], ",".join(one["flags"])) for one in found]


def test_life_of_a_bitmap(image: Path) -> None:
    before = image.read_bytes()
    imgtools("bitmap", "add", image, "monday")
    assert image.read_bytes() == before
    imgtools("bitmap", "add", "--write", image, "monday", "-g", "128K")
    imgtools("bitmap", "add", "--write", "--disabled", image, "week")
    assert bitmaps(image) == [("monday", 128 << 10, "auto"), ("week", 64 << 10, "")]
    imgtools("bitmap", "merge", "--write", image, "monday", "week")
    imgtools("bitmap", "disable", "--write", image, "monday")
    imgtools("bitmap", "enable", "--write", image, "week")
    imgtools("bitmap", "clear", "--write", image, "monday")
    assert bitmaps(image) == [("monday", 128 << 10, ""), ("week", 64 << 10, "auto")]
    imgtools("bitmap", "delete", "--write", image, "monday")
    assert [name for name, _, _ in bitmaps(image)] == ["week"]
    qemu_img("check", image)


def test_merge_from_another_image(image: Path, tmp_path: Path) -> None:
    other = image_of(CONTENT, tmp_path / "other.qcow2", "qcow2")
    for one in (image, other):
        imgtools("bitmap", "add", "--write", one, "b")
    imgtools("bitmap", "merge", "--from", other, "--from-format", "qcow2", "--write", image, "b", "b")
    larger = image_of(CONTENT * 2, tmp_path / "larger.qcow2", "qcow2")
    imgtools("bitmap", "add", "--write", larger, "b")
    assert "bytes" in imgtools("bitmap", "merge", "--from", larger, "--write", image, "b", "b", code=2).err


@pytest.mark.parametrize("grain", ["100K", "256", "4G", "x"])
def test_granularity_that_is_none(image: Path, grain: str) -> None:
    imgtools("bitmap", "add", "--write", image, "b", "-g", grain, code=2)


def test_names(image: Path) -> None:
    imgtools("bitmap", "add", "--write", "--", image, "-x")
    imgtools("bitmap", "add", "--write", "--", image, "-x", code=2)
    assert "it has: -x" in imgtools("bitmap", "clear", "--write", image, "y", code=2).err
    imgtools("bitmap", "delete", "--write", "--", image, "-x")
    assert bitmaps(image) == []


@pytest.mark.parametrize("format", ["raw", "vmdk", "vdi", "vhdx"])
def test_format_without_bitmaps(tmp_path: Path, format: str) -> None:
    image = image_of(CONTENT, tmp_path / "d", format)
    assert "has no bitmaps" in imgtools("bitmap", "add", image, "b", code=14).err


@pytest.mark.parametrize("name", ["", "x" * 1024, "\u00fc" * 512])
def test_name_that_cannot_be(image: Path, name: str) -> None:
    imgtools("bitmap", "add", image, name, code=2)
    imgtools("bitmap", "add", "--write", image, "\u00fc" * 511)


def test_old_version_has_no_bitmaps(image: Path) -> None:
    imgtools("amend", "-o", "compat=0.10", "--write", image)
    for words in ((), ("--write",)):
        assert "compat=1.1" in imgtools("bitmap", "add", *words, image, "b", code=14).err
    imgtools("amend", "-o", "compat=1.1", "--write", image)
    imgtools("bitmap", "add", "--write", image, "b")


def test_merge_with_an_encrypted_image(image: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("swordfish")
    key, locked = f"file:{tmp_path / 'secret'}", tmp_path / "l.qcow2"
    imgtools("create", locked, "2M", "--secret", key, "-o", "encrypt.iter-time=10")
    imgtools("bitmap", "add", "--key", f"image:{key}", "--write", locked, "b")
    imgtools("bitmap", "add", "--write", image, "b")
    words = ("bitmap", "merge", "--key", f"image:{key}", "--write", "--from")
    assert "encrypted" in imgtools(*words, locked, image, "b", "b", code=14).err
    imgtools(*words, image, locked, "b", "b")
