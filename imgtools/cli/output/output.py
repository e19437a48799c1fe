"""The only printer: tables for people, tab-separated lines for pipes, one JSON document for programs.

stdout carries the result and nothing else. Everything that comes out of a guest passes :func:`clean` before a
terminal sees it.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO

from imgtools.cli.output.standard import already_done
from imgtools.cli.output.views import Cell, Column, Csv, Facts, Lines, Raw, Table, Tree, View
from imgtools.errors import LONGEST_MESSAGE, ImgtoolsError, shorten
from imgtools.records.files import FileKind
from imgtools.records.request import Secret
from imgtools.records.system import Warned

if TYPE_CHECKING:
    from imgtools.cli.output.progress import Count, Reporter

PIECE = 1 << 20  # characters
JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]

# Fields that hold nanoseconds since 1970; JSON shows them as RFC 3339 in UTC.
TIME_FIELDS = frozenset({"atime", "mtime", "ctime", "time", "modified", "created", "installed", "last_login"})
# Fields of a report that belong to the envelope, not to its data.
ENVELOPE_FIELDS = ("image", "engine", "warnings")


def clean(text: str) -> str:
    """Make a guest's string safe for a terminal: control, format and undecodable characters become escapes.

    A file name can hold an escape sequence that renames the window, or a right-to-left mark that turns
    ``gpj.exe`` into ``exe.jpg``; both are shown as what they are, ``\\x1b`` and ``\\u202e``.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if _harmless(letter) else _escape(letter) for letter in text)


def _names(text: str, path: str) -> bool:
    """Whether a text names a path, and not only a longer one."""
    return re.search(rf"(?<![^\s(]){re.escape(path)}(?![^\s:;,)])", text) is not None


def _harmless(letter: str) -> bool:
    return letter.isprintable() and unicodedata.category(letter) != "Cf"


def _escape(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, kept as a surrogate escape
        return f"\\x{code - 0xDC00:02x}"
    named = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(letter)
    return named or (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def _for_terminal(document: str) -> str:
    """Write in a JSON document what a terminal must not get as JSON does: the document says the same."""
    if document.isascii():  # JSON escapes the control characters of ASCII itself
        return document
    return "".join(
        letter if letter == "\n" or _harmless(letter) else json.dumps(letter)[1:-1] for letter in document
    )


def format_time(nanoseconds: int) -> str:
    """Write nanoseconds since 1970 as RFC 3339 in UTC; a time no calendar holds becomes the number itself."""
    try:
        moment = datetime.fromtimestamp(nanoseconds // 10**9, UTC)
    except (ValueError, OverflowError, OSError):
        return str(nanoseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def to_json(value: object) -> JsonValue:
    """Turn a frozen record into JSON values. Keys are field names; see docs/json.md.

    What is no part of a record's ``repr`` is none of its JSON. A record whose JSON is more than its fields says it
    itself, in ``as_json``.
    """
    if (own := getattr(value, "as_json", None)) is not None:
        return to_json(own())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = (
            (field.name, getattr(value, field.name)) for field in dataclasses.fields(value) if field.repr
        )
        return _json_object(pairs)
    if isinstance(value, Mapping):
        return _json_object((str(key), item) for key, item in value.items())
    if isinstance(value, FileKind):
        return value.name.lower()
    if isinstance(value, Enum):
        return to_json(value.value)
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Secret):
        raise TypeError("a secret cannot become JSON")
    if isinstance(value, Iterable):
        return [to_json(item) for item in value]
    raise TypeError(f"no JSON for {type(value).__name__}")


def _json_object(pairs: Iterable[tuple[str, object]]) -> dict[str, JsonValue]:
    """Build one JSON object; a string that is not UTF-8 gets a second, exact key with its bytes."""
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        value = str(value) if isinstance(value, Path) else value
        if key in TIME_FIELDS and isinstance(value, int) and not isinstance(value, bool):
            found[key] = format_time(value)
        elif isinstance(value, str) and not isinstance(value, Enum) and not _is_unicode(value):
            raw = value.encode("utf-8", "surrogateescape")
            found[key] = raw.decode("utf-8", "replace")
            found[f"{key}_b64"] = base64.b64encode(raw).decode("ascii")
        else:
            found[key] = to_json(value)
    return found


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any(0xD800 <= ord(letter) <= 0xDFFF for letter in text)


def envelope(report: object, schema: str) -> dict[str, JsonValue]:
    """Put a report into the envelope that all commands share."""
    data = to_json(report)
    outer: dict[str, JsonValue] = {"schema": schema, "ok": True}
    if isinstance(data, dict):
        for name in ENVELOPE_FIELDS:
            if name in data:
                outer[name] = data.pop(name)
    if isinstance(told := outer.get("warnings"), list):  # two looks at one image say the same of it
        outer["warnings"] = [one for number, one in enumerate(told) if one not in told[:number]]
    outer["data"] = data
    outer.setdefault("warnings", [])
    return outer


def error_envelope(error: ImgtoolsError) -> dict[str, JsonValue]:
    """The document that ``--json`` prints when a command fails; among many images, when one does."""
    facts: dict[str, JsonValue] = {
        "class": type(error).__name__,
        "message": clean(shorten(error.message, LONGEST_MESSAGE)),
        "hint": clean(shorten(error.hint, LONGEST_MESSAGE)),
        "exit_code": error.exit_code,
    }
    return {"schema": "imgtools.error/1", "ok": False, "error": facts, "warnings": []}


class Output:
    """How one command speaks: made by the app from ``--json``, ``--quiet`` and ``--progress``."""

    def __init__(
        self,
        *,
        json: bool = False,
        json_lines: bool = False,
        quiet: bool = False,
        progress: str = "auto",
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.json = json or json_lines
        self.json_lines = json_lines
        self.quiet = quiet
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
            self.document(envelope(report, schema))
            return
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
        from tempfile import TemporaryFile

        with TemporaryFile("w+", encoding="utf-8") as held:
            held.writelines(f",\n      {json.dumps(to_json(row), ensure_ascii=False)}" for row in rows)
            found = report()
            for warning in getattr(found, "warnings", ()):
                self.warn(warning)
            self._document_around(envelope(found, schema), field, held)

    def _document_around(self, outer: dict[str, JsonValue], field: str, held: IO[str]) -> None:
        """Print a document with the rows that were held in a file: whole, or not at all."""
        whole = json.dumps(outer, indent=2, ensure_ascii=False)
        shown = _for_terminal if self._stdout.isatty() else str
        whole = shown(whole)
        start, empty, end = whole.partition(f'\n    "{field}": []')
        self._stdout.write(start + empty.removesuffix("]"))
        held.seek(1)  # no comma before the first
        piece = held.read(PIECE)
        if piece:
            while piece:
                self._stdout.write(shown(piece))
                piece = held.read(PIECE)
            self._stdout.write("\n    ")
        self._stdout.write(f"]{end}\n")

    def document(self, document: JsonValue) -> None:
        """Print one JSON document; with ``--json-lines`` on one line."""
        self._stop_waiting()
        if self.json_lines or self._stdout.isatty():
            text = json.dumps(document, indent=None if self.json_lines else 2, ensure_ascii=False)
            self._stdout.write((_for_terminal(text) if self._stdout.isatty() else text) + "\n")
            return
        json.dump(document, self._stdout, indent=2, ensure_ascii=False)
        self._stdout.write("\n")

    def json_line(self, record: object) -> None:
        """Print one record as one line of JSON, for results too long to hold."""
        self._stop_waiting()
        # json.dump encodes in Python, json.dumps in C: five times faster, and this may be millions of lines.
        text = json.dumps(to_json(record), ensure_ascii=False)
        self._stdout.write((_for_terminal(text) if self._stdout.isatty() else text) + "\n")

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
    return Column(column) if isinstance(column, str) else column
