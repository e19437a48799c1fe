"""What commands say about many images: written down in the process of each image, printed by ours as it comes.

An answer is a file of lines, each a JSON array: what is to be shown, and at the end how it went. It comes from a
process that has read a guest's bytes, so nothing in it is believed: it is JSON and not a pickle, and every text is
cleaned here like any other.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from imgtools.cli.output.clean import clean
from imgtools.cli.output.documents import JsonValue, envelope, error_envelope, to_json
from imgtools.cli.output.output import Output, column_of
from imgtools.cli.output.progress import Reporter
from imgtools.cli.output.views import Cell, Column, Csv, Facts, Lines, Raw, Table, Tree, View
from imgtools.errors import ImgtoolsError
from imgtools.records.system import Warned

# What engines load when they need it; loaded, but not used, by the process that the others are forks of.
LIBRARIES = frozenset({"augeas", "guestfs", "hivex", "nbd", "pyfsntfs", "yaml"})
MARK = "Image"  # the name of the column that says which image a row is of


def is_worth_having(module: str) -> bool:
    """Whether a module that the process of one image had to import is imported once for the others."""
    return module.startswith("imgtools.") or module in LIBRARIES


class Recorder(Output):
    """What one command says about one image, written down.

    :param like: who will print it, and decides between terminal, pipe and JSON.
    """

    def __init__(self, stream: BinaryIO, like: Output) -> None:
        super().__init__(json=like.json, progress="none")
        self._stream = stream
        self._terminal = like.on_terminal
        self._known = frozenset(sys.modules)

    def finish(self, code: int, error: ImgtoolsError | None) -> None:
        """Write down how it went, and which of our modules it needed, so that the next process has them."""
        needed = sorted(name for name in sys.modules.keys() - self._known if is_worth_having(name))
        facts = None if error is None else {**_error_facts(error), "exit_code": code}
        self._write("end", code, facts, needed)

    def _write(self, *frame: object) -> None:
        self._stream.write(json.dumps(frame).encode("ascii") + b"\n")

    @property
    def on_terminal(self) -> bool:
        return self._terminal

    def document(self, document: JsonValue) -> None:
        self._write("document", document)

    def line(self, text: str) -> None:
        self._write("line", text)

    def ended_by_nul(self, texts: Iterable[str]) -> None:
        for text in texts:
            self._write("name", text)

    def show_long(
        self,
        report: Callable[[], object],
        rows: Iterable[object],
        *,
        field: str,
        schema: str,
        view: Callable[[], View],
    ) -> None:
        if not self.json:
            super().show_long(report, rows, field=field, schema=schema, view=view)
            return
        held: list[JsonValue] = [to_json(row) for row in rows]
        found = report()
        for warning in getattr(found, "warnings", ()):
            self.warn(warning)
        whole = envelope(found, schema)
        data = whole["data"]
        assert isinstance(data, dict)
        data[field] = held
        self.document(whole)

    def warn(self, warning: Warned | str) -> None:
        text, path = (warning, "") if isinstance(warning, str) else (warning.text, warning.path)
        self._write("warning", text, path)

    def note(self, text: str) -> None:
        self._write("note", text)

    @contextmanager
    def progress(self, title: str) -> Iterator[Reporter]:
        yield lambda done, total: None

    def render(self, view: View) -> None:
        if isinstance(view, Lines):
            for text in view.lines:
                self._write("line", text)
        elif isinstance(view, Raw):  # names, each with a NUL behind it
            self.ended_by_nul(piece[:-1].decode("utf-8", "surrogateescape") for piece in view.pieces)
        elif isinstance(view, Csv):
            self._write("csv", view.head)
            for text in view.lines:
                self._write("csv-line", text)
        elif isinstance(view, Table):
            self._write("table", [column_of(column) for column in view.columns], view.title)
            for row in view.rows:
                self._write("row", row)
        elif isinstance(view, Facts):
            self._write("facts", view.pairs, view.title)
        else:
            self._write("tree", view)


def _error_facts(error: ImgtoolsError) -> Mapping[str, JsonValue]:
    facts = error_envelope(error)["error"]
    assert isinstance(facts, dict)
    return facts


# -- printing -----------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """How it went with one image."""

    code: int  # its exit code
    error: Mapping[str, Any] | None  # class, message, hint and exit_code, if it failed
    warned: bool
    needed: tuple[str, ...]  # modules


class OddAnswer(ValueError):
    """What a process wrote down is not an answer: it was cut, or is not what we write."""


class Answers:
    """Prints answers one after the other.

    :param names: all images that will come, as they are to be called.
    :param marked: whether it is said of each line which image it is about; not if there is one image only.
    """

    def __init__(self, out: Output, names: Sequence[str], *, marked: bool) -> None:
        self.documents: dict[int, JsonValue] = {}  # by place, where one document at the end has them all
        self._out, self._names, self._marked = out, names, marked
        self._page = _Terminal(out, names) if out.on_terminal else _Pipe(out)

    def show(self, place: int, answer: BinaryIO) -> Outcome:
        """Print what a process wrote down.

        :raises OddAnswer: it has no end, or is not what a Recorder writes; what came before it is printed.
        """
        name = self._names[place]
        self._page.begin(name if self._marked else None)
        warned = False
        try:
            for kind, *rest in map(json.loads, answer):
                if kind == "end":
                    code, error, needed = rest
                    self._page.end()
                    return Outcome(int(code), error and _known_facts(error), warned, tuple(map(str, needed)))
                if kind == "warning":
                    warned = True
                    self._out.warn(self._about(name, *rest))
                elif kind == "note":
                    self._out.note(self._about(name, *rest))
                elif kind == "document":
                    self._document(place, *rest)
                else:
                    self._page.take(kind, rest)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise OddAnswer(str(error)) from None
        raise OddAnswer("it has no end")

    def fail(self, place: int, error: Mapping[str, Any]) -> None:
        """Print why there is no answer for an image."""
        name = self._names[place]
        self._out.failure(self._about(name, str(error["message"])), str(error["hint"]))
        if self._out.json:
            self._document(
                place, {"schema": "imgtools.error/1", "ok": False, "error": dict(error), "warnings": []}
            )

    def _about(self, name: str, text: str, path: str = "") -> str:
        text = f"{path}: {text}" if path and path not in text else text
        is_said = text.startswith(f"{name}:") or clean(str(Path(name).absolute())) in clean(text)
        return f"{name}: {text}" if self._marked and not is_said else text

    def _document(self, place: int, document: Mapping[str, JsonValue]) -> None:
        """Keep or print one envelope; it always says which image it is about."""
        image = to_json(_Named(self._names[place]))
        whole: dict[str, JsonValue] = {"schema": document["schema"], "ok": document["ok"]}
        whole |= image if isinstance(image, dict) else {}
        whole |= document
        if self._out.json_lines:
            self._out.document(whole)
        else:
            self.documents[place] = whole


class _Named:
    """The name of an image, as JSON has it where it is not UTF-8 too."""

    def __init__(self, image: str) -> None:
        self._image = image

    def as_json(self) -> Mapping[str, str]:
        return {"image": self._image}


def _known_facts(error: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "class": str(error["class"]),
        "message": str(error["message"]),
        "hint": str(error["hint"]),
        "exit_code": int(error["exit_code"]),
    }


class _Pipe:
    """Every line begins with the image's name and a tab; names of columns stand once."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._mark: list[str] = []
        self._head: object = None

    def begin(self, mark: str | None) -> None:
        self._mark = [] if mark is None else [mark]

    def take(self, kind: str, rest: Sequence[Any]) -> None:  # Any: JSON
        """Print a part of an answer."""
        if kind == "row":
            self._out.cells([*self._mark, *_cells(rest[0])])
        elif kind == "line":
            self._out.cells([*self._mark, rest[0]]) if self._mark else self._out.line(rest[0])
        elif kind == "name":
            self._out.ended_by_nul([*self._mark, rest[0]])
        elif kind == "csv-line":
            self._out.line(rest[0])
        elif kind == "facts":
            for name, value in rest[0]:
                self._out.cells([*self._mark, name, value])
        elif kind == "tree":
            for depth, label in _branches(_tree(rest[0]), 0):
                self._out.cells([*self._mark, *[""] * depth, label])
        else:
            self._take_head(kind, rest[0])

    def _take_head(self, kind: str, head: Any) -> None:  # Any: JSON
        if kind not in ("table", "csv"):
            raise OddAnswer(kind)
        if head == self._head:
            return
        self._head = head
        if kind == "csv":
            self._out.line(head)
        else:
            self._out.cells([*([MARK] if self._mark else []), *(column.name for column in _columns(head))])

    def end(self) -> None:
        """The answer is complete."""


class _Terminal:
    """An image's name stands above what is shown of it; rows of tables follow each other, below one head."""

    def __init__(self, out: Output, names: Sequence[str]) -> None:
        self._out, self._names = out, names
        self._mark: str | None = None
        self._begun = self._any = False
        self._table: Table | None = None  # that is not complete
        self._rows: list[list[Cell]] = []
        self._head: object = None  # of the rows that are in print
        self._grow: Callable[[list[list[Cell]]], None] | None = None  # prints further ones

    def begin(self, mark: str | None) -> None:
        self._mark, self._begun = mark, False
        self._table, self._rows = None, []

    def take(self, kind: str, rest: Sequence[Any]) -> None:  # Any: JSON
        """Draw a part of an answer; a table when it is complete."""
        if kind == "row":
            self._rows.append(_cells(rest[0]))
            return
        self._draw_table()
        if kind == "table":
            self._table = Table(_columns(rest[0]), self._rows, str(rest[1]))
        elif kind in ("line", "csv", "csv-line"):
            self._draw(Lines([rest[0]]))
        elif kind == "name":
            self._out.ended_by_nul([*([] if self._mark is None else [self._mark]), rest[0]])
        elif kind == "facts":
            self._draw(Facts([(str(name), value) for name, value in rest[0]], str(rest[1])))
        elif kind == "tree":
            self._draw(_tree(rest[0]))
        else:
            raise OddAnswer(kind)

    def end(self) -> None:
        """The answer is complete."""
        self._draw_table()

    def _draw(self, view: View) -> None:
        if not self._begun and self._mark is not None:
            for text in [*([""] if self._any else []), f"{self._mark}:"]:
                self._out.line(text)
        self._begun = self._any = True
        self._grow = None
        self._out.render(view)

    def _draw_table(self) -> None:
        table, rows = self._table, self._rows
        self._table, self._rows = None, []
        if table is None:
            return
        if self._mark is None or self._begun or table.title:
            self._draw(table)
            return
        # An answer that is a table: its rows join those of the others.
        columns = [Column(MARK), *map(column_of, table.columns)]
        if self._grow is None or columns != self._head:
            if self._any:
                self._out.line("")
            self._grow = self._out.growing_table(columns, [max(self._names, key=len)])
        self._grow([[self._mark, *row] for row in rows])
        self._any, self._head = True, columns


def _cells(row: Sequence[Any]) -> list[Cell]:  # Any: JSON
    return [cell if cell is None or isinstance(cell, str | int) else str(cell) for cell in row]


def _columns(columns: Sequence[Any]) -> list[Column]:  # Any: JSON
    return [Column(*column) for column in columns]


def _tree(tree: Sequence[Any]) -> Tree:  # Any: JSON
    label, branches = tree
    return Tree(str(label), [_tree(branch) for branch in branches])


def _branches(tree: Tree, depth: int) -> Iterator[tuple[int, str]]:
    yield depth, tree.label
    for branch in tree.branches:
        yield from _branches(branch, depth + 1)
