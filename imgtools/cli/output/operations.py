"""How the operations of a shelf are shown: their list, and what each does to a guest."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from imgtools.cli.output.views import Column, Lines, Table

if TYPE_CHECKING:
    from imgtools.change.describe import PlannedChange
    from imgtools.cli.output.output import Output
    from imgtools.workflows.sysprep import OperationReport, OperationRow


def shelf_table(rows: Sequence[OperationRow], title: str = "Operation", default: str = "Default") -> Table:
    """Return the list of a shelf: names, a mark on those that are asked by default, summaries."""
    columns = (Column(title, style="bold"), Column(default), Column("Summary", prose=True))
    return Table(columns, [(row.name, "*" if row.default else "", row.summary) for row in rows])


def operations_view(
    guest: str, operations: Sequence[OperationReport], *, unsaid: Sequence[str] = ()
) -> Lines:
    """Return what each operation does, and below that the names of those that do nothing.

    :param unsaid: names of which nothing is said where they do nothing.
    """
    lines = [guest]
    quiet: list[str] = []
    foreign: list[str] = []
    for one in operations:
        if one.changes:
            lines += ["", f"{one.name}: {one.summary}", *change_lines(one.changes)]
        elif one.name not in unsaid:
            (quiet if one.applies else foreign).append(one.name)
    return Lines([*lines, *_wrapped("Nothing to do", quiet), *_wrapped("Not for this guest", foreign)])


def _wrapped(title: str, names: Sequence[str]) -> list[str]:
    """A title and names, below an empty line, as wide as the terminal is; nothing without names."""
    if not names:
        return []
    width = min(shutil.get_terminal_size().columns, 120)
    text = f"{title}: {', '.join(names)}"
    return ["", *textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False)]


def change_lines(changes: Sequence[PlannedChange]) -> Iterator[str]:
    """Yield a line a change, and below an edit what it takes out and puts in."""
    for change in changes:
        yield f"  {change.summary}"
        edits = (line for line in change.diff.splitlines() if line[:1] in ("+", "-"))
        yield from (f"      {line}" for line in edits if not line.startswith(("+++", "---")))


def operation_table(operations: Sequence[OperationReport], title: str = "Operation") -> Table:
    """Return a row a change, for a pipe."""
    rows = [
        (one.name, change.kind, change.path, change.summary) for one in operations for change in one.changes
    ]
    return Table((title, "Kind", "Path", Column("Change", prose=True)), rows)


def say_closing(out: Output, count: int, written: bool, place: str) -> None:
    """Say last how many changes were made in which image, or how they are made."""
    if count:
        out.closing(count, written=written, place=place)
    else:
        out.note("Nothing to change.")
