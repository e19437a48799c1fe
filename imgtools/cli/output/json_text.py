"""JSON on its way out: one document, one line a record, or a document around rows that are never held.

Imported when JSON is asked for: nobody else has to pay for it at each start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from tempfile import TemporaryFile
from typing import IO, TextIO

from imgtools.cli.output.clean import is_harmless
from imgtools.cli.output.documents import JsonValue, envelope, error_envelope, to_json
from imgtools.errors import ImgtoolsError
from imgtools.records.system import Warned

PIECE = 1 << 20  # characters


def clean_json(document: str) -> str:
    """Write in a JSON document what a terminal must not get as JSON does: the document says the same."""
    if document.isascii():  # JSON escapes the control characters of ASCII itself
        return document
    return "".join(
        letter if letter == "\n" or is_harmless(letter) else json.dumps(letter)[1:-1] for letter in document
    )


def write_document(document: JsonValue, stream: TextIO, *, one_line: bool = False) -> None:
    """Write one JSON document, indented unless it is to stand on one line."""
    if one_line or stream.isatty():
        text = json.dumps(document, indent=None if one_line else 2, ensure_ascii=False)
        stream.write((clean_json(text) if stream.isatty() else text) + "\n")
        return
    json.dump(document, stream, indent=2, ensure_ascii=False)
    stream.write("\n")


def write_line(record: object, stream: TextIO) -> None:
    """Write one record as one line of JSON, for results too long to hold."""
    # json.dump encodes in Python, json.dumps in C: five times faster, and this may be millions of lines.
    text = json.dumps(to_json(record), ensure_ascii=False)
    stream.write((clean_json(text) if stream.isatty() else text) + "\n")


def write_long(
    rows: Iterable[object],
    report: Callable[[], object],
    stream: TextIO,
    *,
    field: str,
    schema: str,
    warn: Callable[[Warned], None],
    one_line: bool = False,
) -> None:
    """Write a report whose rows are made as they are taken: a file holds them until the report around them is known.

    :param report: returns the report without its rows, when they have all been taken.
    :param field: where they belong in it: an empty list.
    :param one_line: the whole document stands on one line.
    """
    before = ", " if one_line else ",\n      "
    with TemporaryFile("w+", encoding="utf-8") as held:
        held.writelines(f"{before}{json.dumps(to_json(row), ensure_ascii=False)}" for row in rows)
        found = report()
        for warning in getattr(found, "warnings", ()):
            warn(warning)
        _write_around(envelope(found, schema), field, held, stream, one_line=one_line)


def _write_around(
    outer: dict[str, JsonValue], field: str, held: IO[str], stream: TextIO, *, one_line: bool
) -> None:
    """Write a document with the rows that were held in a file: whole, or not at all."""
    shown = clean_json if stream.isatty() else str
    whole = shown(json.dumps(outer, indent=None if one_line else 2, ensure_ascii=False))
    # On one line, the field may be among what is nested in the report: its own place is the last.
    found = f'"{field}": []' if one_line else f'\n    "{field}": []'
    start, empty, end = whole.rpartition(found) if one_line else whole.partition(found)
    stream.write(start + empty.removesuffix("]"))
    held.seek(1)  # no comma before the first
    piece = held.read(PIECE)
    if piece:
        while piece:
            stream.write(shown(piece))
            piece = held.read(PIECE)
        stream.write("" if one_line else "\n    ")
    stream.write(f"]{end}\n")


def error_text(error: ImgtoolsError) -> str:
    """Return the document of a command that failed, with the end of its line."""
    return json.dumps(error_envelope(error), indent=2, ensure_ascii=False) + "\n"
