"""A volume over several stretches of disks reads as one file, however it is asked."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.errors import BadImage
from imgtools.volumes import volume_file as module
from imgtools.volumes.volume_file import DiskFile, Extent
from tests.support.volumes import BytesDisk, bytes_volume

CONTENT = random.Random(1).randbytes(300_000)


@st.composite
def volumes(draw: st.DrawFn) -> tuple[DiskFile, bytes]:
    """A volume over random stretches, and what it must read as."""
    server = BytesDisk(CONTENT)
    pieces = draw(
        st.lists(st.tuples(st.integers(0, 200_000), st.integers(1, 90_000)), min_size=1, max_size=5)
    )
    expected = b"".join(CONTENT[start : start + length] for start, length in pieces)
    return DiskFile([Extent(server, start, length) for start, length in pieces]), expected


@given(volumes(), st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 200_000)), max_size=8))
def test_reads_what_the_stretches_hold(pair: tuple[DiskFile, bytes], asks: list[tuple[int, int]]) -> None:
    file, expected = pair
    assert file.get_size() == len(expected)
    for offset, length in asks:
        assert file.read_at(offset, length) == expected[offset : offset + length]


@given(volumes(), st.integers(0, 300_000), st.integers(0, 300_000))
def test_a_part_is_a_file_of_its_own(pair: tuple[DiskFile, bytes], offset: int, size: int) -> None:
    file, expected = pair
    part = file.part(offset, size)
    assert part.read() == expected[offset : offset + size]


def test_is_an_ordinary_seekable_file() -> None:
    file = bytes_volume(CONTENT)
    assert file.read(5) == CONTENT[:5]
    assert file.seek(-10, io.SEEK_END) == len(CONTENT) - 10
    assert file.read(100) == CONTENT[-10:]
    assert file.read(1) == b""
    file.seek(7)
    buffer = bytearray(70_000)
    assert file.readinto(buffer) == 70_000
    assert bytes(buffer) == CONTENT[7:70_007]
    assert file.tell() == 70_007


def test_memory_is_bounded_whatever_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCKS_KEPT", 4)
    file = bytes_volume(CONTENT)
    for offset in range(0, len(CONTENT), 1000):
        assert file.read_at(offset, 10) == CONTENT[offset : offset + 10]
    assert len(file._blocks) <= 4


def test_a_structure_beyond_the_end_is_a_named_error() -> None:
    with pytest.raises(BadImage, match="volume has only 300000"):
        bytes_volume(CONTENT).read_exactly(299_999, 2)


class _Asked(BytesDisk):
    """A disk that remembers what it was asked for, and cannot be read from a place on."""

    def __init__(self, content: bytes, unreadable: int) -> None:
        super().__init__(content)
        self.asked: list[tuple[int, int]] = []
        self.unreadable = unreadable

    def read(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        if offset + length > self.unreadable:
            raise BadImage("cannot read")
        return super().read(offset, length)


def test_who_walks_gets_the_next_blocks_too() -> None:
    block = module.BLOCK
    disk = _Asked(CONTENT, len(CONTENT))
    file = DiskFile.whole(disk)
    for number in (6, 0, 1, 2, 3, 4):
        assert file.read_at(number * block, 4) == CONTENT[number * block :][:4]
    # Far away: a block each. Beside the last one: four, and those are not asked for again.
    assert disk.asked == [(6 * block, block), (0, block), (block, 4 * block)]


def test_what_is_not_asked_for_does_not_have_to_be_readable() -> None:
    block = module.BLOCK
    file = DiskFile.whole(_Asked(CONTENT, 3 * block))
    for number in range(3):
        assert file.read_at(number * block, block) == CONTENT[number * block :][:block]
    with pytest.raises(BadImage, match="cannot read"):
        file.read_at(3 * block, 1)
