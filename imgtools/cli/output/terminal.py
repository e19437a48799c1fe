"""Tables, facts and trees drawn with rich, for a terminal only: in a pipe rich would cut wide cells."""

from __future__ import annotations

from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text
from rich.tree import Tree as RichTree

from imgtools.cli.output.output import Cell, Facts, Table, Tree, clean, column_of


def render(view: Table | Facts | Tree, stream: TextIO) -> None:
    """Draw one view; every cell is text, never markup, because guests write the cells."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if isinstance(view, Table):
        console.print(_table(view))
    elif isinstance(view, Facts):
        console.print(_facts(view))
    else:
        console.print(_tree(view))


def _cell(value: Cell, style: str = "") -> Text:
    return Text("" if value is None else clean(str(value)), style=style)


def _title(text: str) -> Text | None:
    """A title, which may be the name of an image, and so anything that a file can be called."""
    return Text(clean(text), style="table.title") if text else None


def _table(view: Table) -> RichTable:
    table = RichTable(box=box.SIMPLE_HEAD, title=_title(view.title), title_justify="left", pad_edge=False)
    columns = [column_of(column) for column in view.columns]
    for column in columns:
        table.add_column(column.name, justify="right" if column.right else "left", overflow="fold")
    for row in view.rows:
        cells = [_cell(cell, column.style) for cell, column in zip(row, columns, strict=True)]
        table.add_row(*cells)
    return table


def _facts(view: Facts) -> RichTable:
    table = RichTable(
        box=None, show_header=False, title=_title(view.title), title_justify="left", pad_edge=False
    )
    table.add_column(style="cyan", no_wrap=True)
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
