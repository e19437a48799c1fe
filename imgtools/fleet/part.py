"""What a section of a fleet's report is made of: rows of the database, counted by what they have in common.

What is read comes from guests, and may be of any length and any kind; a row shows its beginning and its end.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from imgtools.errors import shorten
from imgtools.reports.page import Row, Section

MOST = 200  # rows of a section
NAMES = 20  # images that are named of those that have something in common
LONGEST = 400  # characters of a text
Key = TypeVar("Key", bound=Hashable)
COMMAND = "imgtools fleet run {} -- IMAGES..."


class Part(NamedTuple):
    """A section; ``alarm`` is what stands out of it, in few words; ``facts`` stand at the top of the page."""

    section: Section
    alarm: str = ""
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Tally:
    """How many rows and images have something in common, the first text of them, and the first images."""

    rows: int = 0
    images: int = 0
    text: str = ""
    names: list[str] = field(default_factory=list)
    _last: int | None = None

    def add(self, image: int, path: str, text: str = "") -> None:
        """Count one; those of one image come one after another."""
        self.text = self.text if self.rows else text
        self.rows += 1
        if image != self._last:
            self._last = image
            self.images += 1
            if len(self.names) < NAMES:
                self.names.append(shorten(path, LONGEST))

    @property
    def some(self) -> str:
        """One of the images, and how many others."""
        return f"{self.names[0]} and {many(self.images - 1, 'other')}"

    @property
    def more(self) -> tuple[tuple[str, str], ...]:
        """Which images, as a row folds it away."""
        rest = self.images - len(self.names)
        return (("Images", "\n".join([*self.names, *([f"and {rest} more"] if rest else [])])),)


def count(rows: Iterable[tuple[Key, int, str, str]]) -> Mapping[Key, Tally]:
    """Count rows by their key.

    :param rows: each with its key, the number and the path of its image, and a text; by image.
    """
    found: dict[Key, Tally] = {}
    for key, image, path, text in rows:
        found.setdefault(key, Tally()).add(image, path, text)
    return found


def row(state: str, name: str, text: str, place: str = "", more: tuple[tuple[str, str], ...] = ()) -> Row:
    """Return a row of a page whose texts are not too long."""
    return Row(state, shorten(name, LONGEST), shorten(text, LONGEST), shorten(place, LONGEST), more)


def first_rows(rows: list[Row]) -> tuple[tuple[Row, ...], str]:
    """Return as many rows as a page shows, and what is said if there are more."""
    return tuple(rows[:MOST]), f"The first {MOST} of {len(rows)}." if len(rows) > MOST else ""


def unasked(title: str, *kinds: str) -> Section:
    """Return a section whose question was never answered, which says what fills it."""
    commands = " or ".join(COMMAND.format(kind) for kind in kinds)
    return Section(title, (), note=f"Nobody has asked yet, or not to the end. {commands} fills this section.")


def many(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"
