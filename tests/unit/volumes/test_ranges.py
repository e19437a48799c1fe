"""Ranges of bytes mean the same as sets of bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imgtools.volumes.ranges import Range, common, joined, total, whole_pieces, without, zero_bits

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8).map(joined)


def members(ranges: object) -> set[int]:
    return {byte for start, end in list[Range](ranges) for byte in range(start, end)}  # type: ignore[call-overload]


@given(RANGES, RANGES)
def test_they_are_sets(one: list[Range], other: list[Range]) -> None:
    assert members(common(one, other)) == members(one) & members(other)
    assert members(without(one, other)) == members(one) - members(other)
    assert members(joined([*one, *other])) == members(one) | members(other)
    assert total(one) == len(members(one))


@given(RANGES, st.integers(1, 9))
def test_only_whole_pieces_are_left(ranges: list[Range], size: int) -> None:
    pieces = list(whole_pieces(ranges, size))
    assert all(start % size == end % size == 0 for start, end in pieces)
    # Ranges that touch are one, so a piece that is missing was not whole.
    whole = {at for at in range(0, 60, size) if set(range(at, at + size)) <= members(ranges)}
    assert members(pieces) == {byte for at in whole for byte in range(at, at + size)}


@given(st.binary(max_size=40), st.integers(0, 330))
def test_zero_bits_are_those_that_are_zero(bitmap: bytes, count: int) -> None:
    wanted = {bit for bit in range(min(count, len(bitmap) * 8)) if not bitmap[bit // 8] >> bit % 8 & 1}
    found = zero_bits(bitmap, count)
    assert members(found) == wanted and found == joined(found)


@given(st.lists(st.sampled_from([b"\0", b"\xff", b"\x0f", b"\xaa"]), max_size=12), st.integers(1, 50))
def test_long_runs_are_one_range(pieces: list[bytes], times: int) -> None:
    bitmap = b"".join(piece * times for piece in pieces)
    found = zero_bits(bitmap, len(bitmap) * 8)
    assert total(found) == sum(8 - byte.bit_count() for byte in bitmap)
