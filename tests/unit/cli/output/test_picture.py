"""A disk as a bar of characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imgtools.cli.output.picture import (
    Stretch,
    bar_legend,
    bar_lines,
    before_and_after,
    disk_bar,
    share_out,
    with_gaps,
    without_containers,
)

MIB = 1 << 20


def test_stretches_keep_their_places_and_shares() -> None:
    assert disk_bar([(0, 25, "a"), (25, 50, "b"), (75, 25, "a")], size=100, width=8) == "aabbbbaa"


def test_a_cell_shows_what_most_of_it_is() -> None:
    assert disk_bar([(0, 3, "a"), (3, 7, "b")], size=10, width=1) == "b"


def test_what_nothing_covers_is_blank() -> None:
    assert disk_bar([(50, 50, "a")], size=100, width=4) == "  aa"


def test_many_short_stretches_together_fill_a_cell() -> None:
    stretches = ((start, 1, "a" if start % 3 else "b") for start in range(9000))
    assert disk_bar(stretches, size=9000, width=3) == "aaa"


def test_a_stretch_past_the_end_is_cut_and_an_empty_disk_is_blank() -> None:
    assert disk_bar([(50, 500, "a"), (200, 1, "b")], size=100, width=2) == " a"
    assert disk_bar([(0, 0, "a")], size=0, width=3) == "   "


# -- partitions -------------------------------------------------------------------------------------------


def test_room_between_partitions_is_a_stretch_and_alignment_is_not() -> None:
    parts = [Stretch(60 * MIB, 40 * MIB, "2", device="b"), Stretch(MIB, 10 * MIB, "1", device="a")]
    whole = with_gaps(parts, 101 * MIB)
    assert [(one.start // MIB, one.size // MIB, one.name) for one in whole] == [
        (1, 10, "1"),
        (11, 49, ""),
        (60, 40, "2"),
    ]


def test_overlapping_partitions_and_those_past_the_end_are_cut() -> None:
    parts = [Stretch(start * MIB, 50 * MIB, str(start), device="x") for start in (0, 30, 40, 60, 200)]
    whole = with_gaps(parts, 100 * MIB)
    assert [(one.start // MIB, one.size // MIB) for one in whole] == [(0, 50), (50, 30), (80, 10), (90, 10)]


def test_a_bar_of_partitions_shows_number_room_and_use() -> None:
    parts = [
        Stretch(0, MIB, "14", None, "a"),
        Stretch(MIB, 50 * MIB, "1", 0.5, "b"),
        Stretch(51 * MIB, 50 * MIB),
    ]
    assert bar_lines(parts, 26) == [
        " 14     1",
        "[==|#####.....|          ]",
    ]
    assert bar_legend(bar_lines(parts, 26)) == "# used  . free  = not known  blank: no partition"
    assert bar_legend(["2 #", "[===]"]) == "= not known"


def test_every_bar_is_as_wide_as_asked() -> None:
    for count in (0, 1, 3, 17, 40, 300):
        parts = [Stretch(n * MIB, MIB + n * n, str(n), n / 300, "x") for n in range(count)]
        for width in (10, 33, 100):
            assert len(bar_lines(parts, width)[-1]) == width, (count, width)


def test_too_many_partitions_for_their_names_leave_the_bar() -> None:
    parts = [Stretch(n * MIB, MIB, str(n), float(n >= 50), "x") for n in range(100)]
    assert bar_lines(parts, 12) == ["[.....#####]"]


@given(
    st.lists(st.tuples(st.integers(0, 1 << 50), st.integers(1, 4)), min_size=1, max_size=30),
    st.integers(0, 500),
)
def test_cells_are_shared_out_without_rest(wanted: list[tuple[int, int]], more: int) -> None:
    sizes, least = [size for size, _ in wanted], [cells for _, cells in wanted]
    total = sum(least) + more
    found = share_out(sizes, total, least)
    assert sum(found) == total or not any(sizes)
    assert all(cells >= one for cells, one in zip(found, least, strict=True))


def test_two_states_of_a_disk_are_on_one_scale() -> None:
    small = [Stretch(0, 50 * MIB, "1", 1.0, "1")]
    large = [Stretch(0, 50 * MIB, "1", 1.0, "1"), Stretch(50 * MIB, 50 * MIB)]
    assert before_and_after(small, large, 35) == [
        "             1",
        "before [############]",
        "              1",
        "after  [#############|            ]",
    ]
    assert before_and_after(large, small, 35)[1::2] == [
        "before [#############|            ]",
        "after  [############]",
    ]
    assert before_and_after([], large, 35)[0].startswith("before [")


def test_a_partition_that_holds_others_is_left_out() -> None:
    parts = [
        Stretch(start * MIB, size * MIB, str(size)) for start, size in ((0, 10), (10, 90), (11, 40), (51, 49))
    ]
    assert [one.name for one in without_containers(parts)] == ["10", "40", "49"]
    twice = [Stretch(0, MIB, "1"), Stretch(0, MIB, "2")]
    assert without_containers(twice) == twice
