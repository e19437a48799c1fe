"""Files of a guest as streams: where their holes are."""

from __future__ import annotations

import errno
import os

import pytest

from imgtools.filesystems.holes import data_parts
from imgtools.filesystems.stream import MappedFile, NoBlocks, buffered
from tests.support.volumes import bytes_volume

SIZE = 10 * 16 + 5


class Blocks:
    """Of eleven blocks of 16 bytes those from 2 to 4 and block 7 are there."""

    def find(self, block: int) -> tuple[int | None, int]:
        for begin, end, place in ((2, 5, 0), (7, 8, 3)):
            if begin <= block < end:
                return place + block - begin, end - block
            if block < begin:
                return None, begin - block
        return None, 1 << 40


def stream() -> MappedFile:
    return MappedFile(bytes_volume(b"x" * 4096), Blocks(), 16, SIZE)


@pytest.mark.parametrize(
    ("whence", "offset", "expected"),
    [
        (os.SEEK_DATA, 0, 32), (os.SEEK_DATA, 32, 32), (os.SEEK_DATA, 50, 50), (os.SEEK_DATA, 80, 112),
        (os.SEEK_DATA, 127, 127), (os.SEEK_HOLE, 0, 0), (os.SEEK_HOLE, 32, 80), (os.SEEK_HOLE, 79, 80),
        (os.SEEK_HOLE, 100, 100), (os.SEEK_HOLE, 112, 128), (os.SEEK_HOLE, SIZE - 1, SIZE - 1),
    ],
)  # fmt: skip
def test_the_next_data_or_hole(whence: int, offset: int, expected: int) -> None:
    for one in (stream(), buffered(stream())):
        assert one.seek(offset, whence) == one.tell() == expected


@pytest.mark.parametrize(("whence", "offset"), [(3, 128), (3, SIZE), (4, SIZE), (3, -1), (4, SIZE + 1)])
def test_behind_the_last_there_is_none(whence: int, offset: int) -> None:
    with pytest.raises(OSError, match="No such device") as caught:
        stream().seek(offset, whence)
    assert caught.value.errno == errno.ENXIO


def test_the_end_is_a_hole() -> None:
    whole = MappedFile(bytes_volume(b"x" * 4096), Blocks(), 16, 2 * 16 + 5)
    assert whole.seek(33, os.SEEK_HOLE) == 37


def test_stretches_of_data() -> None:
    assert list(data_parts(buffered(stream()), SIZE)) == [(32, 80), (112, 128)]
    nothing = MappedFile(bytes_volume(b""), NoBlocks(), 16, 1 << 50)
    assert list(data_parts(buffered(nothing), 1 << 50)) == []
