"""Sets of bytes of a disk as sorted ranges, each from its first byte up to, and without, its last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

Range = tuple[int, int]  # start, end
Ranges = Sequence[Range]

# What is all of one kind is found by a search; only bytes that are mixed are looked into bit by bit.
_ALIKE = re.compile(rb"\x00+|\xff+|[^\x00\xff]+", re.DOTALL)


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Return the bytes that are in any of these, in order; those that touch are one, empty ones are none."""
    found: list[Range] = []
    for start, end in sorted(ranges):
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def common(one: Iterable[Range], other: Iterable[Range]) -> Iterator[Range]:
    """Yield the bytes that are in both; each is sorted and does not overlap itself."""
    left, right = iter(one), iter(other)
    first, second = next(left, None), next(right, None)
    while first is not None and second is not None:
        start, end = max(first[0], second[0]), min(first[1], second[1])
        if start < end:
            yield start, end
        if first[1] < second[1]:
            first = next(left, None)
        else:
            second = next(right, None)


def without(one: Ranges, other: Ranges) -> list[Range]:
    """Return the bytes of ``one`` that are not in ``other``."""
    if not one:
        return []
    end = max(one[-1][1], other[-1][1] if other else 0)
    edges = [(0, 0), *other, (end, end)]
    return list(common(one, [(last, first) for (_, last), (first, _) in pairwise(edges) if last < first]))


def whole_pieces(ranges: Iterable[Range], size: int) -> Iterator[Range]:
    """Yield what of each range is made of whole pieces of ``size`` bytes, counted from byte 0."""
    for start, end in ranges:
        start, end = -(-start // size) * size, end // size * size
        if start < end:
            yield start, end


def moved(ranges: Iterable[Range], offset: int) -> Iterator[Range]:
    """Yield the ranges so many bytes further on."""
    for start, end in ranges:
        yield start + offset, end + offset


def total(ranges: Iterable[Range]) -> int:
    """Return how many bytes there are in ranges."""
    return sum(end - start for start, end in ranges)


def zero_bits(bitmap: bytes, count: int) -> list[Range]:
    """Return the runs of bits that are 0 among the first ``count``, the lowest bit of each byte first."""
    return joined((start, min(end, count)) for start, end in _zero_runs(bitmap, -(-count // 8)))


def _zero_runs(bitmap: bytes, length: int) -> Iterator[Range]:
    for found in _ALIKE.finditer(bitmap, 0, min(length, len(bitmap))):
        first = found[0][0]
        if first == 0:
            yield found.start() * 8, found.end() * 8
        elif first != 0xFF:
            for at, byte in enumerate(found[0], found.start()):
                for start, end in _RUNS[byte]:
                    yield at * 8 + start, at * 8 + end


def _runs_of(byte: int) -> tuple[Range, ...]:
    return tuple(joined((bit, bit + 1) for bit in range(8) if not byte >> bit & 1))


_RUNS = tuple(map(_runs_of, range(256)))
