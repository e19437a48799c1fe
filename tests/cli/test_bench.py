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
