"""What a command shows: tables, facts, trees, lines; how they look is output's business."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Cell = str | int | None


class Column(NamedTuple):
    """A column of a table. Numbers stand right; a ``style`` is a colour that only a terminal shows.

    Cells are never broken, because a path or a name that is broken is another one. What a narrow terminal has no room
    for is made shorter: words wrap in a column of ``prose``, a ``time`` loses its seconds and then its hours, and what
    is ``spare`` says nothing new, and goes.
    """

    name: str
    right: bool = False
    style: str = ""
    prose: bool = False
    time: bool = False  # RFC 3339 in UTC
    spare: bool = False


class Table(NamedTuple):
    """Rows under named columns."""

    columns: Sequence[Column | str]
    rows: Iterable[Sequence[Cell]]
    title: str = ""


class Facts(NamedTuple):
    """Pairs of a name and a value, one a line."""

    pairs: Sequence[tuple[str, Cell]]
    title: str = ""


class Tree(NamedTuple):
    """A label with branches below it."""

    label: str
    branches: Sequence[Tree] = ()


class Lines(NamedTuple):
    """Plain lines, as they are (but cleaned)."""

    lines: Iterable[str]


class Raw(NamedTuple):
    """Bytes that come out as they are, also on a terminal."""

    pieces: Iterable[bytes]


class Csv(NamedTuple):
    """A line of names and the lines below it, each of which says itself what it is about."""

    head: str
    lines: Iterable[str]


View = Table | Facts | Tree | Lines | Raw | Csv
