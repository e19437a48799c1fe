"""Tables, facts and trees drawn with rich, for a terminal only: in a pipe rich would cut wide cells.

What does not fit is made shorter where that loses little, and else is wider than the terminal, which wraps the line:
whoever copies a path from there gets the path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text
from rich.tree import Tree as RichTree

from imgtools.cli.output.clean import clean
from imgtools.cli.output.output import column_of
from imgtools.cli.output.views import Cell, Column, Facts, Table, Tree

PROSE = 24  # columns that words have at least
UNLIMITED = 1 << 20  # columns
GAP = 2  # between the columns of rows that come one by one
_SECONDS = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\dZ")
# What a narrow terminal has instead of a time, the longest first.
SHORTER_TIMES: tuple[Callable[[str], str], ...] = (
    lambda text: _SECONDS.sub(r"\1 \2", text),
    lambda text: _SECONDS.sub(r"\1", text),
)


def render(view: Table | Facts | Tree, stream: TextIO) -> None:
    """Draw one view; every cell is text, never markup, because guests write the cells."""
    console = _console(stream)
    if isinstance(view, Tree):
        console.print(_tree(view))
    elif isinstance(view, Facts):
        _print_whole(console, _facts(view))
    else:
        _print_fitted(view, console)


class GrowingTable:
    """A table whose rows come a few at a time: what was printed stays, so its columns never become narrower.

    :param widest: of the first columns, the longest cell that will come.
    """

    def __init__(self, columns: Sequence[Column], widest: Sequence[str], stream: TextIO) -> None:
        self._columns, self._stream = columns, stream
        self._widest = [clean(text) for text in widest]
        self._narrow: int | None = None  # how often the table was made narrower; None: nothing was printed
        self._widths: list[int] = []

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Print rows, and above the first ones the names of the columns."""
        texts = [[_text(cell) for cell in row] for row in rows]
        steps = list(_narrower(self._columns, texts))
        first = self._narrow is None
        if self._narrow is None:
            fitting = (place for place, step in enumerate(steps) if self._fits(*step))
            self._narrow = next(fitting, len(steps) - 1)
        columns, texts = steps[self._narrow]
        widths = self._needed(columns, texts)
        self._widths = [max(pair) for pair in zip(widths, self._widths or widths, strict=True)]
        for line in [*([_names(columns)] if first else []), *texts]:
            self._stream.write(_aligned(columns, line, self._widths) + "\n")

    def _fits(self, columns: Sequence[Column], texts: list[list[str]]) -> bool:
        needed = sum(self._needed(columns, texts)) + GAP * (len(columns) - 1)
        return needed <= _console(self._stream).width

    def _needed(self, columns: Sequence[Column], texts: list[list[str]]) -> list[int]:
        rows = [_names(columns), *texts, self._widest]
        return [
            max(cell_len(row[place]) for row in rows if place < len(row)) for place in range(len(columns))
        ]


def _console(stream: TextIO) -> Console:
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _print_whole(console: Console, table: RichTable) -> None:
    """Print a table with nothing broken or cut, even if it is wider than the terminal."""
    console.width = max(console.width, _least_width(table, console))
    console.print(table, crop=False, soft_wrap=False)


def _least_width(table: RichTable, console: Console) -> int:
    """How wide a table is at least, whatever the terminal."""
    return Measurement.get(console, console.options.update(max_width=UNLIMITED), table).minimum


def _text(value: Cell) -> str:
    return "" if value is None else clean(str(value))


def _cell(value: Cell, style: str = "") -> Text:
    return Text(_text(value), style=style)


def _title(text: str) -> Text | None:
    """A title, which may be the name of an image, and so anything that a file can be called."""
    return Text(clean(text), style="table.title") if text else None


# -- what fits ----------------------------------------------------------------------------------------------


def _narrower(
    columns: Sequence[Column], texts: list[list[str]]
) -> Iterable[tuple[Sequence[Column], list[list[str]]]]:
    """Yield a table as it is, and then ever narrower."""
    yield columns, texts
    kept = [place for place, column in enumerate(columns) if not column.spare]
    left, cut = [columns[place] for place in kept], [[row[place] for place in kept] for row in texts]
    yield left, cut
    if any(column.time for column in left):
        for shorter in SHORTER_TIMES:
            yield left, [_with_times(left, row, shorter) for row in cut]


def _with_times(columns: Sequence[Column], row: list[str], shorter: Callable[[str], str]) -> list[str]:
    return [shorter(text) if column.time else text for text, column in zip(row, columns, strict=True)]


def _aligned(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int], gap: int = GAP) -> str:
    cells = []
    for column, text, width in zip(columns, row, widths, strict=True):
        space = " " * (width - cell_len(text))
        cells.append(space + text if column.right else text + space)
    return (" " * gap).join(cells).rstrip()


def _print_fitted(view: Table, console: Console) -> None:
    """Print a table as wide as the terminal allows: ever narrower, and at last without lines and margins."""
    whole = [column_of(column) for column in view.columns]
    rows = [[_text(cell) for cell in row] for row in view.rows]
    for columns, texts in _narrower(whole, rows):
        table = _table(view.title, columns, texts, box.SIMPLE_HEAD)
        if _least_width(table, console) <= console.width:
            console.print(table)
            return
    if any(column.prose for column in columns):
        _print_whole(console, _table(view.title, columns, texts, None))
        return
    # A line for each row, so that only those wrap that have to.
    lines = [*([[clean(view.title)]] if view.title else []), _names(columns), *texts]
    widths = [max(cell_len(row[place]) for row in lines[-len(texts) - 1 :]) for place in range(len(columns))]
    for line in lines:
        console.print(Text(_aligned(columns[: len(line)], line, widths[: len(line)], 1)), soft_wrap=True)


def _table(
    title: str, columns: Sequence[Column], texts: Iterable[Sequence[str]], lines: box.Box | None
) -> RichTable:
    table = RichTable(
        box=lines,
        title=_title(title),
        title_justify="left",
        pad_edge=False,
        padding=(0, 1) if lines else (0, 1, 0, 0),
    )
    rows = list(texts)
    for place, column in enumerate(columns):
        widest = max(cell_len(row[place]) for row in [_names(columns), *rows])
        least = min(widest, PROSE) if column.prose else widest
        side: JustifyMethod = "right" if column.right else "left"
        table.add_column(
            column.name, justify=side, no_wrap=not column.prose, min_width=least, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(text, style=column.style) for text, column in zip(row, columns, strict=True)))
    return table


def _names(columns: Sequence[Column]) -> list[str]:
    return [column.name for column in columns]


def _facts(view: Facts) -> RichTable:
    table = RichTable(
        box=None, show_header=False, title=_title(view.title), title_justify="left", pad_edge=False
    )
    names = max((cell_len(_text(name)) for name, _ in view.pairs), default=0)
    table.add_column(style="cyan", no_wrap=True, min_width=names)
    table.add_column(overflow="fold")
    for name, value in view.pairs:
        table.add_row(_cell(name), _cell(value))
    return table


def _tree(view: Tree) -> RichTree:
    tree = RichTree(_cell(view.label))
    _grow(tree, view)
    return tree


def _grow(branch: RichTree, view: Tree) -> None:
    for child in view.branches:
        _grow(branch.add(_cell(child.label)), child)
