"""A disk drawn as a bar of characters: what lies where, in the width there is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from imgtools.errors import UsageError

SvgFile = Annotated[
    Path | None, typer.Option("--svg", metavar="FILE", help="Draw it as a picture, an SVG, in a new file.")
]
FREE = " "


class DiskBar:
    """A bar that is filled while the stretches of a disk pass by; it keeps only its cells.

    :param size: bytes of the disk.
    :param width: cells to draw.
    """

    def __init__(self, size: int, width: int) -> None:
        self._size = max(size, 1)
        self._cells: list[dict[str, int]] = [{} for _ in range(max(width, 1))]

    def add(self, start: int, length: int, sign: str) -> None:
        """Draw one stretch of the disk with a sign of one character."""
        width, end = len(self._cells), min(start + length, self._size)
        if length <= 0 or start >= end:
            return
        for cell in range(start * width // self._size, (end * width - 1) // self._size + 1):
            first, last = cell * self._size, (cell + 1) * self._size
            share = min(end * width, last) - max(start * width, first)
            kinds = self._cells[cell]
            kinds[sign] = kinds.get(sign, 0) + share

    def text(self) -> str:
        """Return the bar; a cell shows what most of it is, and nothing covered is left blank."""
        return "".join(max(kinds, key=lambda sign: kinds[sign]) if kinds else FREE for kinds in self._cells)

    def shares(self) -> tuple[dict[str, float], ...]:
        """Return for each cell which share of it, 0 to 1, is what."""
        return tuple({sign: share / self._size for sign, share in kinds.items()} for kinds in self._cells)


def disk_bar(segments: Iterable[tuple[int, int, str]], size: int, width: int) -> str:
    """Return a disk of ``size`` bytes as ``width`` characters.

    :param segments: start and length in bytes, and the character that stands for it.
    """
    bar = DiskBar(size, width)
    for start, length, sign in segments:
        bar.add(start, length, sign)
    return bar.text()


def require_svg(svg: Path | None, *, force: bool) -> None:
    """Refuse --force where there is no picture that it could be about."""
    if force and svg is None:
        raise UsageError("--force is about the file of a picture", hint="name it with --svg FILE")
