"""A row says what a report says, by the names of its columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest

from imgtools.fleet.kind import row_of


class Row(NamedTuple):
    root: str
    name: str
    size: int


@dataclass
class Told:
    name: str
    size: int
    more: str = "of no column"


def test_a_row_is_made_of_fields_and_what_is_given() -> None:
    assert row_of(Row, Told("a", 1), root="/dev/sda1") == Row("/dev/sda1", "a", 1)
    assert row_of(Row, Told("a", 1), root="/dev/sda1", name="b") == Row("/dev/sda1", "b", 1)


def test_a_column_that_nobody_says_or_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(AttributeError, match="root"):
        row_of(Row, Told("a", 1))
    with pytest.raises(TypeError, match="other"):
        row_of(Row, Told("a", 1), root="", other=1)
