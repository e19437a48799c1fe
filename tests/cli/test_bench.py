"""imgtools bench."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB, image_of, random_bytes

CONTENT = random_bytes(2 * MIB)


@pytest.mark.parametrize("format", ["raw", "qcow2", "vmdk", "vdi", "vpc", "vhdx"])
@pytest.mark.parametrize("writes", [(), ("--writes",)])
def test_neither_reads_nor_writes_touch_the_image(
    tmp_path: Path, format: str, writes: tuple[str, ...]
) -> None:
    image = image_of(CONTENT, tmp_path / "d", format)
    before = image.read_bytes()
    words = ("--count", "20", "--size", "4K", "--cache", "writeback", *writes)
    told = imgtools("bench", "--json", "--format", format, *words, image).data
    assert told["operation"] == ("write" if writes else "read")
    assert told["requests_per_second"] > 0 and told["count"] == 20
    assert image.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_numbers_that_make_no_sense(tmp_path: Path) -> None:
    image = image_of(CONTENT, tmp_path / "d.raw")
    imgtools("bench", "--size", "100", image, code=2)
    imgtools("bench", "--offset", "1G", image, code=2)
    imgtools("bench", "--count", "0", image, code=2)


@pytest.mark.parametrize(
    "words",
    [
        ("--size", "1536K"),  # the second request would leave the disk
        ("--offset", "1M", "--size", "768K"),
        ("--size", "4K", "--step", "1536K"),
        ("--size", "4K", "--step", "8193K"),
        ("--size", "64K", "--step", "0"),
        ("--size", "2M", "--writes"),
    ],
)
def test_requests_stay_on_the_disk(tmp_path: Path, words: tuple[str, ...]) -> None:
    image = image_of(CONTENT, tmp_path / "d.qcow2", "qcow2")
    told = imgtools("bench", "--json", "--count", "9", "--cache", "writeback", *words, image).data
    assert told["count"] == 9 and told["seconds"] >= 0


def test_what_cannot_be_measured(tmp_path: Path) -> None:
    image = image_of(CONTENT, tmp_path / "d.raw")
    ran = imgtools("bench", "--size", "1M", "--step", "512K", "--count", "9", image, code=2)
    assert "leave the disk" in ran.err
    imgtools("bench", "--aio", "native", "--cache", "writeback", image, code=2)
    (tmp_path / "secret").write_text("swordfish")
    key = f"file:{tmp_path / 'secret'}"
    imgtools("create", tmp_path / "l.qcow2", "1M", "--secret", key, "-o", "encrypt.iter-time=10")
    imgtools("bench", "--key", f"image:{key}", tmp_path / "l.qcow2", code=14)
