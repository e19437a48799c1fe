"""Charts of a report: numbers as bars or as lines. The template draws what is laid out here, with the page's colours.

A chart says everything in words too, for who hears the page; its numbers are in the table below it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from imgtools.errors import shorten

WIDTH = 760
LABELS = 250  # pixels of the labels left of the bars; 34 letters
_LETTERS = 34
_VALUES = 90  # pixels of what is said right of the longest bar
_LINE = 24
_BAR = 14


class Bar(NamedTuple):
    """A bar: ``shown`` is its value as people read it."""

    label: str
    value: float
    shown: str
    tone: str = "mild"


class Box(NamedTuple):
    """A bar in its place."""

    label: str
    short: str
    shown: str
    tone: str
    x: int
    y: int
    base: int
    width: float
    height: int


class Point(NamedTuple):
    """A point of a line, and what is said of it."""

    x: float
    y: float
    label: str


class Line(NamedTuple):
    """Points one after another."""

    name: str
    tone: str
    points: tuple[Point, ...]


class Word(NamedTuple):
    """A text in its place."""

    x: float
    y: float
    base: float
    label: str
    anchor: str = "start"


class Way(NamedTuple):
    """A line in its place, with its name at its end."""

    label: str
    tone: str
    path: str
    dots: tuple[Point, ...]
    x: float
    base: float


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars below each other."""

    title: str
    bars: tuple[Bar, ...]
    width = WIDTH
    right = WIDTH
    rules = words = ways = ()

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return _LINE * len(self.bars)

    @property
    def said(self) -> str:
        """What it shows, in words."""
        return ", ".join(f"{one.label} {one.shown}" for one in self.bars)

    @property
    def boxes(self) -> Iterator[Box]:
        """Its bars, each in its place."""
        most = max((one.value for one in self.bars), default=0) or 1
        for number, one in enumerate(self.bars):
            width = one.value / most * (WIDTH - LABELS - _VALUES)
            y = number * _LINE + (_LINE - _BAR) // 2
            yield Box(
                one.label, shorten(one.label, _LETTERS), one.shown, one.tone, LABELS, y, y + _BAR - 2,
                max(round(width, 1), 1), _BAR,
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over time, from nothing up; ``top`` is how the largest value is written, ``ends`` first and last time."""

    title: str
    lines: tuple[Line, ...]
    top: str
    ends: tuple[str, str]
    width = WIDTH
    height = 220
    right = 640
    boxes = ()

    @property
    def said(self) -> str:
        """What it shows, in words."""
        return "; ".join(
            f"{one.name} from {one.points[0].label} to {one.points[-1].label}" for one in self.lines
        )

    @property
    def rules(self) -> tuple[Word, Word]:
        """The lines of nothing and of the largest value."""
        return Word(_LEFT, _TOP, _TOP + 4, self.top), Word(_LEFT, _BOTTOM, _BOTTOM + 4, "0")

    @property
    def words(self) -> tuple[Word, Word]:
        """The first and the last time, below."""
        base = _BOTTOM + 20
        return Word(_LEFT, 0, base, self.ends[0]), Word(self.right, 0, base, self.ends[1], "end")

    @property
    def ways(self) -> Iterator[Way]:
        """The lines, each in its place; names that would be on one another move apart."""
        points = [point for line in self.lines for point in line.points]
        first, last = min(one.x for one in points), max(one.x for one in points)
        across = (self.right - _LEFT) / ((last - first) or 1)
        up = (_BOTTOM - _TOP) / max(1, *(one.y for one in points))
        bases: list[float] = []
        for line in self.lines:
            dots = tuple(
                Point(
                    round(_LEFT + (one.x - first) * across, 1),
                    round(_BOTTOM - max(one.y, 0) * up, 1),
                    one.label,
                )
                for one in line.points
            )
            base = dots[-1].y + 4
            while any(abs(base - other) < _APART for other in bases):
                base += _APART
            bases.append(base)
            path = "M" + "L".join(f"{one.x} {one.y}" for one in dots)
            yield Way(line.name, line.tone, path, dots, self.right + 8, round(base, 1))


_LEFT, _TOP, _BOTTOM = 80, 12, 190
_APART = 15  # pixels between two names
