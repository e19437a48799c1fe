"""More rows than memory holds."""

from __future__ import annotations

import random

import pytest

from imgtools.workflows.timeline_sort import Row, sorted_rows

ROWS = [Row(n // 3, f"/f{n % 7}", "file", "m...", f"\udcff{n}", (1, n)) for n in range(500)]


@pytest.mark.parametrize(
    ("held", "text"), [(1, 1 << 20), (7, 1 << 20), (499, 1 << 20), (10_000, 20), (10_000, 1 << 20)]
)
def test_any_number_of_parts_gives_the_same(held: int, text: int) -> None:
    mixed = list(ROWS)
    random.Random(1).shuffle(mixed)
    found = list(sorted_rows(mixed, held, text))
    assert sorted(found) == sorted(ROWS)
    assert [one[:2] for one in found] == sorted(one[:2] for one in ROWS)


@pytest.mark.parametrize("held", [1, 2, 3, 100])
def test_what_is_of_one_moment_and_place_keeps_its_order(held: int) -> None:
    rows = [Row(5, "journal", "log", "", str(n)) for n in range(10)]
    assert list(sorted_rows(rows, held)) == rows


def test_nothing() -> None:
    assert list(sorted_rows([])) == []
