"""The parts of a picture of a disk as SVG: words, boxes, bars, legends, an axis.

The pictures have no background of their own, and their colours stand out on white and on black alike. Colours are
attributes, not a style sheet, so that several pictures fit into one page. No font and no image is fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from imgtools.cli.output.clean import clean

WIDTH = 1240  # of every picture, in pixels; the bars leave MARGIN on either side
MARGIN = 20
BAR_WIDTH = WIDTH - 2 * MARGIN  # also the cells of a bar, so that its edges are sharp
INK = "#767676"  # a contrast of 4.5:1 with white and of 4.6:1 with black (WCAG 2.1, 1.4.3 asks for 4.5)
FONTS = "system-ui, -apple-system, Segoe UI, Roboto, sans-serif"
LETTER = 7.2  # the width of a letter, about, at 13 pixels
MOST_TICKS = 8
ROOM_OF_A_LABEL = 70  # pixels along the axis
UNITS = ((6, "E"), (5, "P"), (4, "T"), (3, "G"), (2, "M"), (1, "K"))


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a legend. ``colour`` "" is a bare frame; ``strength`` is its opacity."""

    colour: str
    label: str
    strength: float = 1


def document(title: str, height: float, parts: Iterable[str]) -> str:
    """Return the whole picture, with its title above the parts."""
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" '
        f'viewBox="0 0 {WIDTH} {height:g}" role="img" font-family="{FONTS}" font-size="13" fill="{INK}">'
    )
    heading = words(MARGIN, 30, title, size=17, bold=True)
    return "\n".join((start, f"<title>{escape(clean(title))}</title>", heading, *parts, "</svg>", ""))


def words(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    size: int = 13,
    bold: bool = False,
    most: float = 0,
) -> str:
    """Write a line of text, cleaned; ``y`` is its base line.

    :param anchor: what ``x`` is of the text: start, middle or end.
    :param most: pixels that it may take; a longer one is cut in its middle.
    """
    shown = shorten(clean(text), int((most or WIDTH - x) / (LETTER * size / 13)))
    more = "" if anchor == "start" else f' text-anchor="{anchor}"'
    more += f' font-size="{size}"' if size != 13 else ""
    more += ' font-weight="600"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}"{more}>{escape(shown)}</text>'


def shorten(text: str, most: int) -> str:
    """Cut ``text`` in its middle to ``most`` letters: the end of a file name tells as much as its beginning."""
    if len(text) <= most:
        return text
    kept = max(most - 1, 2)
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"


def box(x: float, y: float, width: float, height: float, colour: str, *, strength: float = 1) -> str:
    """A filled box; ``strength`` is its opacity."""
    more = f' fill-opacity="{strength:g}"' if strength < 1 else ""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill={quoteattr(colour)}{more} '
        'shape-rendering="crispEdges"/>'
    )


def frame(x: float, y: float, width: float, height: float) -> str:
    """A thin line around a box."""
    return (
        f'<rect x="{x - 0.5:g}" y="{y - 0.5:g}" width="{width + 1:g}" height="{height + 1:g}" fill="none" '
        f'stroke="{INK}"/>'
    )


def described(tip: str, parts: Iterable[str]) -> str:
    """Group parts under a description, which a browser shows when one points at them."""
    return f"<g><title>{escape(clean(tip))}</title>{''.join(parts)}</g>"


def cells_bar(
    cells: Sequence[dict[str, float]], colours: dict[str, str], y: float, height: float
) -> Iterator[str]:
    """A bar of cells; each is filled from below with what it holds, in the order and the colours of ``colours``.

    :param cells: of each cell, the share (0 to 1) of each kind.
    """
    paths: dict[str, list[str]] = {kind: [] for kind in colours}
    x, step = 0, BAR_WIDTH / max(len(cells), 1)
    while x < len(cells):
        same = next((at for at in range(x, len(cells)) if cells[at] != cells[x]), len(cells))
        left, right, low = MARGIN + x * step, MARGIN + same * step, y + height
        for kind in colours:
            if share := cells[x].get(kind, 0.0):
                high = low - share * height
                paths[kind].append(f"M{left:.5g} {low:.5g}V{high:.5g}H{right:.5g}V{low:.5g}z")
                low = high
        x = same
    for kind, drawn in paths.items():
        if drawn and colours[kind]:
            yield f'<path fill="{colours[kind]}" shape-rendering="crispEdges" d="{"".join(drawn)}"/>'
    yield frame(MARGIN, y, BAR_WIDTH, height)


def swatch(x: float, y: float, colour: str, strength: float = 1) -> str:
    """The sample of a colour beside a line of text whose base line is ``y``; without one, an empty frame."""
    return box(x, y - 11, 12, 12, colour, strength=strength) if colour else frame(x, y - 11, 12, 12)


def legend_row(entries: Iterable[Entry], y: float) -> Iterator[str]:
    """Short entries beside each other."""
    x: float = MARGIN
    for entry in entries:
        yield swatch(x, y, entry.colour, entry.strength)
        yield words(x + 19, y, entry.label)
        x += 19 + len(clean(entry.label)) * LETTER + 24


def legend_list(entries: Sequence[Entry], y: float) -> Iterator[str]:
    """Long entries below each other, 20 pixels each."""
    for number, entry in enumerate(entries):
        yield swatch(MARGIN, y + 20 * number, entry.colour, entry.strength)
        yield words(MARGIN + 19, y + 20 * number, entry.label, most=BAR_WIDTH - 19)


def axis(start: int, end: int, y: float) -> Iterator[str]:
    """Ticks and sizes under a bar that shows the bytes from ``start`` to ``end``; 24 pixels high."""
    marks = [(start, "start"), *((tick, "middle") for tick in ticks(start, end)), (end, "end")]
    scale = BAR_WIDTH / max(end - start, 1)
    for place, anchor in marks:
        x = MARGIN + (place - start) * scale
        yield f'<path d="M{x:.6g} {y:g}v5" stroke="{INK}"/>'
        yield words(x, y + 19, exact_size(place), anchor=anchor, size=12, most=BAR_WIDTH)


def ticks(start: int, end: int) -> list[int]:
    """The places between ``start`` and ``end`` that get a tick: multiples of a power of two, not too close."""
    if end <= start:
        return []
    step = 1 << ((end - start - 1) // MOST_TICKS).bit_length()
    near = (end - start) * ROOM_OF_A_LABEL // BAR_WIDTH
    first = start - start % step + step
    return [place for place in range(first, end, step) if start + near <= place <= end - near]


def exact_size(size: int) -> str:
    """Write a place on the disk without rounding, with at most three digits after the point."""
    for power, unit in UNITS:
        factor: int = 1024**power
        if size >= factor and size * 1000 % factor == 0:
            return f"{size // factor}.{size % factor * 1000 // factor:03}".rstrip("0").rstrip(".") + unit
    return str(size)
