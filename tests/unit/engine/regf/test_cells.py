"""Cells of a hive: taken, given back, put together, and what is damaged."""

from __future__ import annotations

import struct

import pytest

from imgtools.engine.hive_log import BASE_BLOCK, read_base_block
from imgtools.engine.regf.cells import BIN_HEADER, Cells
from imgtools.errors import OddGuest
from tests.support.hives import make_hive, with_sequences

PAGE = 4096


@pytest.fixture
def cells() -> Cells:
    """A hive without a bin."""
    return Cells(make_hive({"A": {"v": 1}}), "/SYSTEM").emptied()


@pytest.mark.parametrize(("length", "span"), [(0, 8), (1, 8), (4, 8), (5, 16), (12, 16), (13, 24)])
def test_a_cell_is_as_long_as_its_content_in_steps_of_eight(cells: Cells, length: int, span: int) -> None:
    offset = cells.add(b"x" * length)
    assert offset == BIN_HEADER
    assert cells.unused == PAGE - BIN_HEADER - span
    assert cells.read(offset) == (b"x" * length).ljust(span - 4, b"\0")


@pytest.mark.parametrize(
    ("length", "size"),
    [(PAGE - BIN_HEADER - 4, PAGE), (PAGE - BIN_HEADER - 3, 2 * PAGE), (100_000, 25 * PAGE)],
)
def test_a_bin_is_whole_pages(cells: Cells, length: int, size: int) -> None:
    offset = cells.add(b"x" * length)
    assert cells.size == size and cells.read(offset)[:length] == b"x" * length


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1)])
def test_free_cells_beside_one_another_become_one(cells: Cells, order: tuple[int, ...]) -> None:
    offsets = [cells.add(b"x" * 100) for _ in range(3)]
    cells.add(b"end")
    for index in order:
        cells.free(offsets[index])
    assert cells.add(b"y" * 300) == offsets[0]


def test_what_was_given_back_is_taken_again_and_the_smallest_that_will_do(cells: Cells) -> None:
    large, _, small, _ = (cells.add(b"x" * length) for length in (200, 4, 50, 4))
    cells.free(large)
    cells.free(small)
    assert cells.add(b"y" * 50) == small
    assert cells.add(b"y" * 50) == large
    assert cells.size == PAGE


def test_what_was_given_back_is_overwritten(cells: Cells) -> None:
    offset = cells.add(b"secret" * 20)
    cells.free(offset)
    cells.write(cells.add(b"other"), b"more")
    assert b"secret" not in cells.finish(0)


def test_a_cell_is_replaced_in_its_place_unless_that_wastes_half_of_it(cells: Cells) -> None:
    offset = cells.add(b"x" * 100)
    cells.add(b"end")
    assert cells.replace(offset, b"y" * 50) == offset
    assert cells.read(offset) == b"y" * 50 + bytes(50)
    assert cells.replace(offset, b"z" * 49) == offset and cells.read(offset)[:49] == b"z" * 49
    assert cells.replace(offset, b"z" * 1000) != offset


def test_a_thousand_replacements_do_not_grow_it(cells: Cells) -> None:
    offset, other = cells.add(b"x"), cells.add(b"y")
    for turn in range(1000):
        offset = cells.replace(offset, b"x" * (turn % 97))
    assert cells.size == PAGE and cells.read(other)[:1] == b"y"


@pytest.mark.parametrize("offset", [0, 1, 24, 36, PAGE, 0xFFFFFFF8])
def test_what_is_no_cell_in_use_is_damage(cells: Cells, offset: int) -> None:
    cells.add(b"x" * 4)
    with pytest.raises(OddGuest, match="damaged registry hive /SYSTEM"):
        cells.read(offset)


def test_a_cell_that_is_too_short_is_damage(cells: Cells) -> None:
    offset = cells.add(b"x" * 12)
    assert len(cells.read(offset, 12)) == 12
    with pytest.raises(OddGuest, match="damaged"):
        cells.read(offset, 13)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, b"hbIn"),  # the bin's mark
        (4, struct.pack("<I", 8)),  # where it says that it is
        (8, struct.pack("<I", 0)),  # its length: none, no pages, more than there is
        (8, struct.pack("<I", 4095)),
        (8, struct.pack("<I", 1 << 20)),
        (32, struct.pack("<i", -4)),  # the first cell's length: too short, no step of eight, beyond the bin
        (32, struct.pack("<i", -12)),
        (32, struct.pack("<i", -4096)),
        (32, struct.pack("<i", 0)),
    ],
)
def test_damaged_bins_are_refused(place: int, value: bytes) -> None:
    hive = bytearray(make_hive({"A": {"v": 1}}))
    hive[BASE_BLOCK + place : BASE_BLOCK + place + len(value)] = value
    with pytest.raises(OddGuest, match="damaged registry hive /SYSTEM"):
        Cells(bytes(hive), "/SYSTEM")


def test_a_hive_that_was_not_closed_is_refused_with_what_to_do() -> None:
    with pytest.raises(OddGuest, match="not closed cleanly") as caught:
        Cells(with_sequences(make_hive({}), 4, 3), "/SYSTEM")
    assert "--apply-log" in caught.value.hint
    with pytest.raises(OddGuest, match="not a registry hive"):
        Cells(b"x" * 8192, "/SYSTEM")


def test_it_is_left_as_windows_leaves_one_that_it_closed() -> None:
    hive = with_sequences(make_hive({"A": {"v": 1}}), 0xFFFFFFFF, 0xFFFFFFFF)
    base = read_base_block(Cells(hive, "/SYSTEM").finish(99)[:512])
    assert base is not None and base.intact and not base.dirty
    assert (base.primary, base.secondary, base.written) == (0, 0, 99)
