"""A disk as a bar of characters."""

from __future__ import annotations

from imgtools.cli._picture import disk_bar


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
