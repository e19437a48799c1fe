"""imgtools dd."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB, SUFFIX, content_of, image_of, qemu_img, random_bytes, sparse_content

CONTENT = sparse_content()
WRITABLE = ("raw", "qcow2", "vmdk", "vdi", "vpc", "vhdx")


@pytest.mark.parametrize("format", WRITABLE)
def test_stretch_to_a_new_image(tmp_path: Path, format: str) -> None:
    source = image_of(CONTENT, tmp_path / "d.qcow2", "qcow2")
    target = tmp_path / f"part.{SUFFIX.get(format, format)}"
    imgtools("dd", "--bs", "512K", "--skip", "1", "--count", "9", source, target)
    assert content_of(target, format) == CONTENT[MIB // 2 : 5 * MIB]


@pytest.mark.parametrize("format", WRITABLE)
def test_into_an_image_only_the_stretch_changes(tmp_path: Path, format: str) -> None:
    patch = image_of(b"p" * MIB, tmp_path / "patch.raw")
    target = image_of(CONTENT, tmp_path / f"d.{SUFFIX.get(format, format)}", format)
    words = ("dd", "--bs", "1M", "--seek", "4", patch, target, "--target-format", format)
    imgtools(*words)
    assert content_of(target, format) == CONTENT
    imgtools(*words, "--write")
    assert content_of(target, format) == CONTENT[: 4 * MIB] + b"p" * MIB + CONTENT[5 * MIB :]


def test_zeros_of_the_source_are_written_over_data(tmp_path: Path) -> None:
    target = image_of(random_bytes(2 * MIB), tmp_path / "d.qcow2", "qcow2")
    hole = tmp_path / "hole.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", hole, "1M")
    imgtools("dd", "--seek", "1", "--bs", "1M", "--write", hole, target)
    assert content_of(target)[MIB:] == bytes(MIB)


def test_new_image_with_seek_begins_with_zeros(tmp_path: Path) -> None:
    source = image_of(b"s" * MIB, tmp_path / "s.raw")
    imgtools("dd", "--bs", "1M", "--seek", "2", source, tmp_path / "t.qcow2")
    assert content_of(tmp_path / "t.qcow2") == bytes(2 * MIB) + b"s" * MIB


def test_stretch_that_does_not_fit(tmp_path: Path) -> None:
    source = image_of(CONTENT, tmp_path / "d.raw")
    small = image_of(bytes(MIB), tmp_path / "small.qcow2", "qcow2")
    assert "do not fit" in imgtools("dd", "--write", source, small, code=2).err
    assert (
        "nothing to copy" in imgtools("dd", "--bs", "1M", "--skip", "8", source, tmp_path / "n", code=2).err
    )
    imgtools("dd", "--bs", "100", source, tmp_path / "n", code=2)
    imgtools("dd", "--write", source, source, code=2)
    assert not (tmp_path / "n").exists()


def test_snapshot(tmp_path: Path) -> None:
    image = image_of(CONTENT, tmp_path / "d.qcow2", "qcow2")
    qemu_img("snapshot", "-c", "one", image)
    imgtools("dd", "--write", image_of(b"x" * MIB, tmp_path / "x"), image)
    imgtools("dd", "--snapshot", "one", image, tmp_path / "old.raw")
    assert (tmp_path / "old.raw").read_bytes() == CONTENT
