"""The only printer: tables for people, tab-separated lines for pipes, one JSON document for programs.

stdout carries the result and nothing else. Everything that comes out of a guest passes :func:`clean` before a
terminal sees it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from imgtools.cli.output.clean import clean
from imgtools.cli.output.standard import already_done
from imgtools.errors import LONGEST_MESSAGE, shorten
from imgtools.records.system import Warned

if TYPE_CHECKING:
    from imgtools.cli.output.documents import JsonValue
    from imgtools.cli.output.progress import Count, Reporter
    from imgtools.cli.output.views import Cell, Column, Facts, Table, Tree, View


class Output:
    """How one command speaks: made by the app from ``--json``, ``--quiet`` and ``--progress``."""

    # What is said of changes that are only planned.
    how_to_write = "nothing written. --write does it, --output FILE does it in a new image."

    def __init__(
        self,
        *,
        json: bool = False,
        json_lines: bool = False,
        quiet: bool = False,
        progress: str = "auto",
        verbose: bool = False,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.json = json or json_lines
        self.json_lines = json_lines
        self.quiet = quiet
        self.verbose = verbose
        self.progress_mode = progress
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self._stop_waiting: Callable[[], None] = lambda: None

    @property
    def on_terminal(self) -> bool:
        """Whether a person reads the result on a terminal."""
        return not self.json and self._stdout.isatty()

    def show(
        self,
        report: object,
        *,
        schema: str,
        view: Callable[[], View | Sequence[View]],
        pipe: Callable[[], View | Sequence[View]] | None = None,
    ) -> None:
        """Show a report: ``view`` on a terminal, ``pipe`` (or ``view``) tab-separated, or JSON.

        A field ``warnings`` of the report goes to stderr too, one line each.
        """
        self._stop_waiting()
        with already_done() if getattr(report, "written", False) else nullcontext():
            self._show(report, schema, view, pipe)

    def _show(
        self,
        report: object,
        schema: str,
        view: Callable[[], View | Sequence[View]],
        pipe: Callable[[], View | Sequence[View]] | None,
    ) -> None:
        for warning in dict.fromkeys(getattr(report, "warnings", ())):
            self.warn(warning)
        if self.json:
            from imgtools.cli.output.documents import envelope

            self.document(envelope(report, schema))
            return
        from imgtools.cli.output.views import View

        chosen = (view if self.on_terminal else pipe or view)()
        for one in [chosen] if isinstance(chosen, View) else chosen:
            self.render(one)

    def show_long(
        self,
        report: Callable[[], object],
        rows: Iterable[object],
        *,
        field: str,
        schema: str,
        view: Callable[[], View],
    ) -> None:
        """Show a report whose rows are made as they are taken, and are never held; its warnings come after them.

        :param report: returns the report without its rows, when they have all been taken.
        :param field: where they belong in it: an empty list.
        :param view: takes the rows itself.
        """
        self._stop_waiting()
        if not self.json:
            self.render(view())
            for warning in getattr(report(), "warnings", ()):
                self.warn(warning)
            return
        from imgtools.cli.output.json_text import write_long

        write_long(
            rows,
            report,
            self._stdout,
            field=field,
            schema=schema,
            warn=self.warn,
            one_line=self.json_lines,
        )

    def document(self, document: JsonValue) -> None:
        """Print one JSON document; with ``--json-lines`` on one line."""
        self._stop_waiting()
        from imgtools.cli.output.json_text import write_document

        write_document(document, self._stdout, one_line=self.json_lines)

    def json_line(self, record: object) -> None:
        """Print one record as one line of JSON, for results too long to hold."""
        self._stop_waiting()
        from imgtools.cli.output.json_text import write_line

        write_line(record, self._stdout)

    def line(self, text: str) -> None:
        """Print one cleaned line."""
        self._stop_waiting()
        self._stdout.write(clean(text) + "\n")

    def raw(self, content: bytes) -> None:
        """Write bytes as they are: the content of a file, which a pipe may want unchanged."""
        self._stop_waiting()
        self._stdout.flush()
        buffer = getattr(self._stdout, "buffer", None)
        if buffer is None:  # a text stream of the tests
            self._stdout.write(content.decode("utf-8", "replace"))
        else:
            buffer.write(content)
            buffer.flush()

    def ended_by_nul(self, texts: Iterable[str]) -> None:
        """Write names as they are, each with a NUL behind it, for ``xargs -0``."""
        self.raw(b"".join(text.encode("utf-8", "surrogateescape") + b"\0" for text in texts))

    def text(self, content: str) -> None:
        """Write a guest's text: line ends and tabs kept; other control characters escaped on a terminal."""
        self._stop_waiting()
        if self._stdout.isatty():
            lines = content.split("\n")
            content = "\n".join("\t".join(clean(cell) for cell in line.split("\t")) for line in lines)
        self._stdout.write(content)

    def warn(self, warning: Warned | str) -> None:
        """Print a warning on stderr."""
        self._stop_waiting()
        text = warning if isinstance(warning, str) else warning.text
        if not isinstance(warning, str) and warning.path and not _names(text, warning.path):
            text = f"{warning.path}: {text}"
        if not self.quiet:
            self._stderr.write(f"imgtools: warning: {clean(shorten(text, LONGEST_MESSAGE))}\n")

    def failure(self, message: str, hint: str = "") -> None:
        """Print on stderr why there is no answer, and what to do."""
        self._stop_waiting()
        self._stderr.write(f"imgtools: {clean(message)}\n" + (f"  hint: {clean(hint)}\n" if hint else ""))

    def note(self, text: str) -> None:
        """Print a line for people on stderr: what was done, what to do next."""
        self._stop_waiting()
        if not self.quiet and not self.json:
            self._stderr.write(clean(text) + "\n")

    def closing(self, count: int, *, written: bool, place: str) -> None:
        """Say last, for people, how many changes were made in which image, or how they are made."""
        changes = f"{count} change{'' if count == 1 else 's'}"
        self.note(f"{changes} made in {place}." if written else f"{changes} planned, {self.how_to_write}")

    def summary(self, text: str) -> None:
        """Print on stderr what became of many images, also beside JSON."""
        if not self.quiet:
            self._stderr.write(f"imgtools: {clean(text)}\n")

    @contextmanager
    def progress(self, title: str) -> Iterator[Reporter]:
        """Show the progress of long work on stderr; the workflow calls what this yields."""
        from imgtools.cli.output.progress import open_progress

        self._stop_waiting()
        with open_progress(title, mode=self.progress_mode, quiet=self.quiet, stream=self._stderr) as reporter:
            yield reporter

    @contextmanager
    def waiting(self, title: str) -> Iterator[None]:
        """Show on stderr that work goes on, until it has something to say."""
        from imgtools.cli.output.progress import open_waiting

        with open_waiting(title, mode=self.progress_mode, quiet=self.quiet, stream=self._stderr) as stop:
            self._stop_waiting = stop
            try:
                yield
            finally:
                self._stop_waiting = lambda: None

    def stop_waiting(self) -> None:
        """End what :meth:`waiting` shows: somebody else has the terminal now."""
        self._stop_waiting()

    @contextmanager
    def counting(self, title: str, total: int) -> Iterator[Count]:
        """Show on stderr how many images are done."""
        from imgtools.cli.output.progress import open_count

        with open_count(
            title, total, mode=self.progress_mode, quiet=self.quiet, stream=self._stderr
        ) as count:
            self._stop_waiting = count.clear
            try:
                yield count
            finally:
                self._stop_waiting = lambda: None

    # -- rendering -----------------------------------------------------------------------------------------

    def render(self, view: View) -> None:
        """Draw one view on a terminal; in a pipe, write it in lines and tabs."""
        from imgtools.cli.output.views import Csv, Facts, Lines, Raw, Table

        if isinstance(view, Lines):
            for text in view.lines:
                self.line(text)
        elif isinstance(view, Raw):
            pieces = iter(view.pieces)
            while chunk := b"".join(islice(pieces, 1000)):
                self.raw(chunk)
        elif isinstance(view, Csv):
            for text in (view.head, *view.lines):
                self.line(text)
        elif self.on_terminal:
            self._render_rich(view)
        elif isinstance(view, Table):
            self.cells([column_of(column).name for column in view.columns])
            for row in view.rows:
                self.cells(row)
        elif isinstance(view, Facts):
            for name, value in view.pairs:
                self.cells([name, value])
        else:
            self._write_tree(view, 0)

    def growing_table(
        self, columns: Sequence[Column], widest: Sequence[str]
    ) -> Callable[[Iterable[Sequence[Cell]]], None]:
        """Return what draws rows on a terminal as they come, one below the other.

        :param widest: of the first columns, the longest cell that will come.
        """
        from imgtools.cli.output.terminal import GrowingTable

        table = GrowingTable(columns, widest, self._stdout)

        def add(rows: Iterable[Sequence[Cell]]) -> None:
            self._stop_waiting()
            table.add(rows)

        return add

    def flush(self) -> None:
        """Let the reader have what was printed so far."""
        self._stdout.flush()

    def cells(self, cells: Iterable[Cell]) -> None:
        """Write one line of a pipe, with tabs between its cells."""
        self._stop_waiting()
        self._stdout.write("\t".join("" if cell is None else clean(str(cell)) for cell in cells) + "\n")

    def _write_tree(self, tree: Tree, depth: int) -> None:
        self._stdout.write("\t" * depth + clean(tree.label) + "\n")
        for branch in tree.branches:
            self._write_tree(branch, depth + 1)

    def _render_rich(self, view: Table | Facts | Tree) -> None:
        from imgtools.cli.output.terminal import render

        render(view, self._stdout)


def column_of(column: Column | str) -> Column:
    """A column, also when it was given as its bare name."""
    from imgtools.cli.output.views import Column

    return Column(column) if isinstance(column, str) else column


def _names(text: str, path: str) -> bool:
    """Whether a text names a path, and not only a longer one."""
    return re.search(rf"(?<![^\s(]){re.escape(path)}(?![^\s:;,)])", text) is not None
