"""A disk drawn as a bar of characters: what lies where, in the width there is."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from imgtools.errors import UsageError

SvgFile = Annotated[
    Path | None, typer.Option("--svg", metavar="FILE", help="Draw it as a picture, an SVG, in a new file.")
]
FREE = " "
MOST_CELLS = 200  # of a bar, however wide the terminal is
# Room up to so many bytes between partitions is only there to align them: 1 MiB, and as much before a logical one.
ALIGNMENT = 2 << 20
LEAST_CELLS = 12  # of a bar beside a longer one
BEFORE, AFTER = "before ", "after  "
SIGNS = {"#": "used", ".": "free", "=": "not known", FREE: "blank: no partition"}


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


# -- partitions -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a disk that is one thing, in bytes.

    ``name`` is short, such as the number of the partition; ``used`` is how full it is, 0 to 1, None if nobody knows.
    """

    start: int
    size: int
    name: str = ""
    used: float | None = None
    device: str = ""  # "": no partition is there


def without_containers(parts: Sequence[Stretch]) -> list[Stretch]:
    """Leave out parts that others lie in, as logical partitions do in the extended one."""
    ends = [(one, one.start + one.size) for one in parts]
    return [
        one
        for one, end in ends
        if not any(one.start <= other.start and stop <= end and other.size < one.size for other, stop in ends)
    ]


def with_gaps(parts: Iterable[Stretch], size: int) -> list[Stretch]:
    """Return the parts of a disk of ``size`` bytes in their order, and between them the room that no one has.

    What reaches into the part before it, or past the end, is cut off.
    """
    whole: list[Stretch] = []
    end = 0
    for part in sorted(parts, key=lambda part: part.start):
        first, last = min(max(part.start, end), size), min(part.start + part.size, size)
        if first - end > ALIGNMENT:
            whole.append(Stretch(end, first - end))
            end = first
        if last > first:
            whole.append(Stretch(first, last - first, part.name, part.used, part.device))
            end = last
    return [*whole, Stretch(end, size - end)] if size - end > ALIGNMENT else whole


def bar_lines(stretches: Sequence[Stretch], width: int) -> list[str]:
    """Draw the stretches of a disk in two lines: their names, and a bar that shows how full each is.

    Each has room for its name, however small it is. If they are too many for that, the bar stands alone.

    :param width: characters to draw in.
    """
    least = [max(len(one.name), 1) for one in stretches]
    room = width - 2 - max(len(stretches) - 1, 0)
    if sum(least) > room:
        return [f"[{_plain_bar(stretches, width - 2)}]"]
    cells = share_out([one.size for one in stretches], room, least)
    names = " ".join(one.name.center(count) for one, count in zip(stretches, cells, strict=True))
    bar = "|".join(_filled(one, count) for one, count in zip(stretches, cells, strict=True)).ljust(width - 2)
    return [f" {names}".rstrip(), f"[{bar}]"] if names.strip() else [f"[{bar}]"]


def before_and_after(before: Sequence[Stretch], after: Sequence[Stretch], width: int) -> list[str]:
    """Draw a disk in two states below each other, on one scale; each is all its stretches."""
    sizes = [stretches[-1].start + stretches[-1].size if stretches else 0 for stretches in (before, after)]
    room, lines = width - len(AFTER), []
    for word, stretches, size in zip((BEFORE, AFTER), (before, after), sizes, strict=True):
        drawn = bar_lines(stretches, max(round(room * size / max(*sizes, 1)), LEAST_CELLS))
        lines += [f"{'':{len(word)}}{one}" for one in drawn[:-1]] + [word + drawn[-1]]
    return lines


def bar_legend(bars: Iterable[str]) -> str:
    """Return the line that explains the signs that are in the bars."""
    seen = {sign for bar in bars for sign in bar if bar.startswith("[")}
    return "  ".join(
        text if sign == FREE else f"{sign} {text}" for sign, text in SIGNS.items() if sign in seen
    )


def terminal_cells() -> int:
    """Return how many characters wide a bar may be."""
    return min(shutil.get_terminal_size().columns - 2, MOST_CELLS)


def share_out(sizes: Sequence[int], total: int, least: Sequence[int]) -> list[int]:
    """Divide ``total`` cells by ``sizes``; each gets its ``least``, which all together are not more than ``total``."""
    found = list(least)
    open_ones = set(range(len(sizes)))
    while True:
        room = total - sum(found[one] for one in range(len(sizes)) if one not in open_ones)
        whole = max(sum(sizes[one] for one in open_ones), 1)
        small = {one for one in open_ones if sizes[one] * room < least[one] * whole}
        if not small:
            break
        open_ones -= small
    parts = {one: divmod(sizes[one] * room, whole) for one in sorted(open_ones)}
    rest = room - sum(cells for cells, _ in parts.values())
    for one in sorted(parts, key=lambda one: -parts[one][1]):
        found[one] = parts[one][0] + (1 if rest > 0 else 0)
        rest -= 1
    return found


def _filled(one: Stretch, cells: int) -> str:
    if not one.device:
        return FREE * cells
    if one.used is None:
        return "=" * cells
    full = min(max(round(one.used * cells), 1 if one.used > 0 else 0), cells)
    return "#" * full + "." * (cells - full)


def _plain_bar(stretches: Sequence[Stretch], width: int) -> str:
    size = stretches[-1].start + stretches[-1].size if stretches else 0
    return disk_bar((piece for one in stretches for piece in _pieces(one)), size, width)


def _pieces(one: Stretch) -> Iterator[tuple[int, int, str]]:
    full = one.size if one.used is None else round(min(max(one.used, 0), 1) * one.size)
    if one.device:
        yield one.start, full, "=" if one.used is None else "#"
        yield one.start + full, one.size - full, "."


# -- options ----------------------------------------------------------------------------------------------


def require_svg(svg: Path | None, *, overwrite: bool) -> None:
    """Refuse --overwrite where there is no picture that it could be about."""
    if overwrite and svg is None:
        raise UsageError("--overwrite is about the file of a picture", hint="name it with --svg FILE")
