"""Where bytes lie on the members of an array: every byte in one place of its own, within the members."""

from __future__ import annotations

import pytest

from imgtools.volumes.computed_disk import Mapping, Piece
from imgtools.volumes.stripes import (
    ALTERNATE,
    ORIGINAL,
    BadGeometry,
    Copies,
    Linear,
    Mirrored,
    Parity,
    Striped,
)

CHUNK = 4096
SIX = (0, 1, 2, 3, 4, 5, 8, 9, 10, 16, 17, 18, 19, 20)


def places(rule: Mapping, step: int = CHUNK) -> list[tuple[int, int]]:
    found = [rule.find(offset) for offset in range(0, rule.size, step)]
    return [(piece.source, piece.offset) for piece in found]


def assert_apart(rule: Mapping, members: int, size: int) -> None:
    """No two chunks share a place, and none lies beyond its member."""
    found = places(rule)
    assert len(set(found)) == len(found) == rule.size // CHUNK
    assert all(0 <= member < members and 0 <= place <= size - CHUNK for member, place in found)
    inner = rule.find(CHUNK + 100)
    assert (inner.source, inner.offset, inner.length) == (found[1][0], found[1][1] + 100, CHUNK - 100)


def test_one_behind_the_other() -> None:
    rule = Linear([1000, 24, 500])
    assert rule.size == 1524
    assert [rule.find(at) for at in (0, 999, 1000, 1023, 1024)] == [
        Piece(0, 0, 1000), Piece(0, 999, 1), Piece(1, 0, 24), Piece(1, 23, 1), Piece(2, 0, 500),
    ]  # fmt: skip


def test_chunks_go_round_and_what_is_left_over_is_not_used() -> None:
    rule = Striped([3 * CHUNK + 100] * 2, CHUNK)
    assert places(rule) == [(0, 0), (1, 0), (0, CHUNK), (1, CHUNK), (0, 2 * CHUNK), (1, 2 * CHUNK)]


@pytest.mark.parametrize(
    ("layout", "second"),
    # The second zone has members 0 and 2. By the original layout it begins with the one at its chunk's own number.
    [(ALTERNATE, [(0, CHUNK), (2, CHUNK)]), (ORIGINAL, [(2, CHUNK), (0, CHUNK)])],
)
def test_members_of_several_sizes_make_zones(layout: int, second: list[tuple[int, int]]) -> None:
    rule = Striped([2 * CHUNK, CHUNK, 3 * CHUNK], CHUNK, layout)
    assert places(rule) == [(0, 0), (1, 0), (2, 0), *second, (2, 2 * CHUNK)]


def test_members_of_several_sizes_want_a_layout() -> None:
    with pytest.raises(BadGeometry, match="not noted by which layout"):
        Striped([CHUNK, 2 * CHUNK], CHUNK)


def test_a_mirror_is_one_of_its_members() -> None:
    assert Mirrored(1000, 3).find(10) == Piece(3, 10, 990)


@pytest.mark.parametrize("layout", range(6))
@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_one_parity(level: int, layout: int, count: int) -> None:
    rule = Parity(level, count, CHUNK, layout, 20 * CHUNK)
    assert rule.size == 20 * CHUNK * (count - 1)
    assert_apart(rule, count, 20 * CHUNK)
    if level == 4:
        assert {member for member, _ in places(rule)} == set(range(count - 1))


@pytest.mark.parametrize("layout", SIX)
@pytest.mark.parametrize("count", [4, 5, 7])
def test_two_parities(layout: int, count: int) -> None:
    rule = Parity(6, count, CHUNK, layout, 35 * CHUNK)
    assert rule.size == 35 * CHUNK * (count - 2)
    assert_apart(rule, count, 35 * CHUNK)


@pytest.mark.parametrize("count", [2, 3, 4, 5])
@pytest.mark.parametrize("layout", [0x102, 0x103, 0x201, 0x301, 0x10201, 0x202, 0x40201])
def test_copies(layout: int, count: int) -> None:
    near, far = layout & 255, layout >> 8 & 255
    if near * far > count:
        with pytest.raises(BadGeometry):
            Copies([True] * count, CHUNK, layout, 24 * CHUNK)
        return
    rule = Copies([True] * count, CHUNK, layout, 24 * CHUNK)
    assert_apart(rule, count, 24 * CHUNK)
    everywhere = [place for number in range(rule.size // CHUNK) for place in rule.places(number)]
    assert len(set(everywhere)) == len(everywhere) == near * far * rule.size // CHUNK
    for number in range(count):
        assert len({member for member, _ in rule.places(number)}) == near * far


@pytest.mark.parametrize("layout", [0x102, 0x201, 0x10201])
def test_any_member_may_be_missing_and_not_any_two(layout: int) -> None:
    whole = places(Copies([True] * 4, CHUNK, layout, 24 * CHUNK))
    for missing in range(4):
        rule = Copies([member != missing for member in range(4)], CHUNK, layout, 24 * CHUNK)
        found = places(rule)
        assert len(found) == len(whole) and missing not in {member for member, _ in found}
    with pytest.raises(BadGeometry, match="some of its chunks are missing"):
        Copies([False, False, True, True], CHUNK, layout, 24 * CHUNK)


@pytest.mark.parametrize(
    ("level", "count", "layout"),
    [(5, 1, 2), (5, 3, 6), (5, 3, -1), (6, 2, 8), (6, 4, 7), (6, 4, 21), (5, 2000, 2)],
)
def test_what_is_no_array_with_parity(level: int, count: int, layout: int) -> None:
    with pytest.raises(BadGeometry):
        Parity(level, count, CHUNK, layout, 8 * CHUNK)
