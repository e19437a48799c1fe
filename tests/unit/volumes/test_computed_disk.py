"""A disk in pieces of others: every stretch is what it should be, and near pieces are read at once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.errors import BadImage
from imgtools.volumes import computed_disk
from imgtools.volumes.computed_disk import ZEROS, ComputedDisk, Piece, computed
from imgtools.volumes.stripes import Parity, Striped
from imgtools.volumes.volume_file import DiskFile
from tests.support.volumes import BytesDisk

CHUNK = 512
SIZE = 64 * CHUNK


class Counted(BytesDisk):
    """Bytes that know how often they were read."""

    reads = 0

    def read(self, offset: int, length: int) -> bytes:
        self.reads += 1
        return super().read(offset, length)


def sources(count: int) -> list[Counted]:
    return [Counted(bytes((number * 61 + at // 7) % 251 for at in range(SIZE))) for number in range(count)]


def over(disks: Sequence[BytesDisk], rule: object) -> ComputedDisk:
    return ComputedDisk([DiskFile.whole(one) for one in disks], lambda _sources: rule)  # type: ignore[arg-type,return-value]


@given(st.integers(0, 3 * SIZE + 10), st.integers(0, 3 * SIZE))
def test_every_stretch_is_what_its_bytes_are(offset: int, length: int) -> None:
    disks, rule = sources(4), Parity(5, 4, CHUNK, 2, SIZE)
    whole = b"".join(
        disks[piece.source].content[piece.offset : piece.offset + CHUNK]
        for piece in map(rule.find, range(0, rule.size, CHUNK))
    )
    assert over(disks, rule).read(offset, length) == whole[offset : offset + length]


def test_a_long_read_asks_every_source_once() -> None:
    disks = sources(3)
    over(disks, Striped([SIZE] * 3, CHUNK)).read(0, 3 * SIZE)
    assert [disk.reads for disk in disks] == [1, 1, 1]


def test_pieces_far_from_each_other_are_read_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computed_disk, "NEAR", CHUNK - 1)
    disks = sources(4)
    over(disks, Parity(4, 4, CHUNK, 0, SIZE)).read(0, 3 * SIZE)
    assert [disk.reads for disk in disks] == [1, 1, 1, 0]


class Odd:
    """A rule with what is nowhere, and what has no length."""

    size = 4 * CHUNK

    def find(self, offset: int) -> Piece:
        return Piece(ZEROS, 0, CHUNK - offset) if offset < CHUNK else Piece(0, offset, 0)


def test_what_is_nowhere_reads_as_zeros() -> None:
    assert over(sources(1), Odd()).read(10, 100) == bytes(100)


def test_a_piece_without_a_length_is_an_error_and_no_loop() -> None:
    with pytest.raises(BadImage, match="without a length"):
        over(sources(1), Odd()).read(0, 2 * CHUNK)


def test_a_source_that_ends_before_is_an_error() -> None:
    with pytest.raises(BadImage):
        over([BytesDisk(b"short")], Striped([SIZE], CHUNK)).read(0, SIZE)


def test_it_is_a_volume_of_one_piece_that_is_on_no_disk() -> None:
    file = computed(
        [DiskFile.whole(one) for one in sources(2)],
        lambda _: Striped([SIZE] * 2, CHUNK),
        "/dev/md0",
    )
    assert (file.name, file.size, file.extents[0].server.socket) == ("/dev/md0", 2 * SIZE, "")
