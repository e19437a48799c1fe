"""imgtools measure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import FORMATS, MIB, image_of, qemu_img, sparse_content


@pytest.mark.parametrize("format", FORMATS)
def test_it_is_what_a_conversion_takes(tmp_path: Path, format: str) -> None:
    source = image_of(sparse_content(), tmp_path / "d.qcow2", "qcow2")
    told = imgtools("measure", "--json", source, "-O", format).data
    made = image_of(sparse_content(), tmp_path / "made", format).stat().st_size
    assert told["estimated"] == (format not in ("raw", "qcow2"))
    assert abs(told["required"] - made) <= max(made // 50, 8192)
    assert told["fully_allocated"] >= 8 * MIB


def test_size_without_an_image(tmp_path: Path) -> None:
    told = imgtools("measure", "--size", "100G", "--json").data
    assert told["required"] < 100 * MIB < told["fully_allocated"]
    imgtools("measure", code=2)
    imgtools("measure", "--size", "1G", tmp_path / "x", code=2)


def test_options_count(tmp_path: Path) -> None:
    words = ("measure", "--size", "10G", "--json", "-O", "qcow2", "-o")
    small = imgtools(*words, "cluster_size=512").data["fully_allocated"]
    assert small > imgtools(*words, "cluster_size=2M").data["fully_allocated"]
    assert "did you mean" in imgtools(*words, "clustersize=2M", code=2).err


def test_snapshot(tmp_path: Path) -> None:
    image = image_of(sparse_content(), tmp_path / "d.qcow2", "qcow2")
    qemu_img("snapshot", "-c", "one", image)
    qemu_img("resize", "-f", "qcow2", "-q", image, "64M")
    assert imgtools("measure", "--snapshot", "one", image, "-O", "qcow2", "--json").data["required"] < 4 * MIB
