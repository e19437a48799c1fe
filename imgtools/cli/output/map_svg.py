"""Where the bytes of a disk lie, as a picture: what each stretch is, and which file of the chain holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from imgtools.cli.output import svg
from imgtools.cli.output.picture import DiskBar
from imgtools.cli.output.svg import Entry
from imgtools.units import format_size

if TYPE_CHECKING:
    from imgtools.disk.image_file import Extent
    from imgtools.workflows.map import MapHead

KINDS = {"data": "#3d85c6", "compressed": "#9a6fc4", "zero": "#a9adb3", "hole": ""}
# Of the files by their depth; those below share the last one.
FILES = ("#2f9e8f", "#d9822b", "#c2578e", "#8a9a3b", "#3fa0c8", "#b5633c", "#7a6fd0", "#c94f4f", "#7d8790")
MOST_FILES = 24  # in the legend
NO_FILE = "no file holds anything: it reads as zeros"
HEIGHT = 56  # of a bar


def kind_of(extent: Extent) -> str:
    """What an extent is, in one word."""
    if extent.zero:
        return "zero" if extent.present else "hole"
    if not extent.data:
        return "hole"
    return "compressed" if extent.compressed or extent.offset is None else "data"


class MapPicture:
    """A picture that grows while the extents pass by; it keeps as many cells as it is pixels wide.

    :param window: the first byte to show and the one after the last.
    """

    def __init__(self, head: MapHead, window: tuple[int, int]) -> None:
        self._head = head
        self._window = window
        length = window[1] - window[0]
        self._kinds, self._files = (DiskBar(length, svg.BAR_WIDTH) for _ in range(2))
        self._of_kind: Counter[str] = Counter()
        self._of_file: Counter[int | None] = Counter()

    def add(self, extents: Iterable[Extent]) -> None:
        """Draw extents."""
        last = len(FILES) - 1
        for one in extents:
            start, kind, depth = one.start - self._window[0], kind_of(one), one.depth if one.present else None
            self._kinds.add(start, one.length, kind)
            self._of_kind[kind] += one.length
            self._of_file[depth] += one.length
            if depth is not None:
                self._files.add(start, one.length, str(min(depth, last)))

    def text(self) -> str:
        """Return the picture as SVG."""
        parts, y = list(self._kind_bar(62)), 62.0 + HEIGHT + 92
        if len(self._head.layers) > 1:
            entries = self._file_entries()
            parts += self._file_bar(entries, y)
            y += HEIGHT + 58 + 20 * len(entries)
        name = self._head.layers[0].name
        return svg.document(f"{name}: {self._what()}", y, parts)

    def _what(self) -> str:
        start, end = self._window
        size, format = self._head.virtual_size, self._head.layers[0].format
        whole = f"a {format} disk of {format_size(size)}"
        if (start, end) == (0, size):
            return whole
        return f"{svg.exact_size(start)} to {svg.exact_size(end)} of {whole}"

    def _kind_bar(self, y: float) -> Iterator[str]:
        yield svg.words(svg.MARGIN, y, "What lies where", bold=True)
        yield from svg.cells_bar(self._kinds.shares(), KINDS, y + 14, HEIGHT)
        yield from svg.axis(*self._window, y + 14 + HEIGHT)
        entries = (
            Entry(colour, f"{kind} {self._share(self._of_kind[kind])}") for kind, colour in KINDS.items()
        )
        yield from svg.legend_row(entries, y + 14 + HEIGHT + 44)

    def _file_bar(self, entries: list[Entry], y: float) -> Iterator[str]:
        yield svg.words(svg.MARGIN, y, "Which file of the chain holds it", bold=True)
        colours = {str(depth): colour for depth, colour in enumerate(FILES)}
        yield from svg.cells_bar(self._files.shares(), colours, y + 14, HEIGHT)
        yield from svg.axis(*self._window, y + 14 + HEIGHT)
        yield from svg.legend_list(entries, y + 14 + HEIGHT + 44)

    def _file_entries(self) -> list[Entry]:
        layers = self._head.layers
        shown = layers if len(layers) <= MOST_FILES else layers[: MOST_FILES - 1]
        entries = [
            Entry(
                FILES[min(layer.depth, len(FILES) - 1)],
                f"{layer.depth}: {layer.name} ({layer.format}) {self._share(self._of_file[layer.depth])}",
            )
            for layer in shown
        ]
        if rest := layers[len(shown) :]:
            held = sum(self._of_file[layer.depth] for layer in rest)
            entries.append(Entry(FILES[-1], f"{len(rest)} more files below {self._share(held)}"))
        return [*entries, Entry("", f"{NO_FILE} {self._share(self._of_file[None])}")]

    def _share(self, held: int) -> str:
        length = self._window[1] - self._window[0]
        return f"{format_size(held)}, {held * 100 / length:.1f} %" if held else "0"
