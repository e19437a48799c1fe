"""What goes to a worker and comes back: one image and how it is asked, and its answer as JSON.

An answer comes from a process that has read a guest's bytes. So it is JSON and not a pickle, its size is bounded, and
nothing in it is believed: every value is held against the column it is for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, NamedTuple, get_args

from imgtools.errors import ImgtoolsError, shorten
from imgtools.fleet.kind import Kind, Moment, Table
from imgtools.fleet.order import Order
from imgtools.records.request import ImageRequest

MOST_BYTES = 64 << 20  # of an answer; a guest with 5,000 packages takes 1 MiB
MOST_WARNINGS = 1000
LONGEST = 1 << 20  # characters of a value
LARGEST = (1 << 63) - 1  # what a column of 64 bits holds; a larger number is stored as this

# A value of a row.
Cell = None | bool | int | float | str


@dataclass(frozen=True, slots=True)
class Work:
    """One image, and how it is asked."""

    kind: str
    request: ImageRequest
    time_limit: float | None  # seconds
    memory: int  # bytes that a process may have
    order: Order | None = None  # what is to be changed in it


class Failure(NamedTuple):
    """Why an image has no answer: the facts of an error of :mod:`imgtools.errors`."""

    error: str  # its class
    message: str
    hint: str
    exit_code: int


class Answer(NamedTuple):
    """What is known of one image."""

    exit_code: int
    failure: Failure | None
    warnings: tuple[tuple[str, str], ...]  # text and path
    rows: Mapping[str, Sequence[Sequence[Cell]]]  # by table
    seconds: float
    host: str


class OddAnswer(ValueError):
    """It is not what a process of ours writes."""


def facts_of(error: ImgtoolsError) -> Failure:
    """Return what is kept of an error."""
    return Failure(
        type(error).__name__, shorten(error.message, 2000), shorten(error.hint, 2000), error.exit_code
    )


def failed(failure: Failure, *, seconds: float = 0.0, host: str = "") -> Answer:
    """Return the answer of an image that has none."""
    return Answer(failure.exit_code, failure, (), {}, seconds, host)


def read_answer(content: bytes, kind: Kind, *, host: str) -> Answer:
    """Read what the process of an image has written.

    :raises OddAnswer: it is cut, or not what is written there.
    """
    try:
        whole = json.loads(content)
        failure = None if whole["error"] is None else _failure(whole["error"])
        return Answer(
            exit_code=_code(whole["code"]),
            failure=failure,
            warnings=tuple((_text(text), _text(path)) for text, path in whole["warnings"][:MOST_WARNINGS]),
            rows={}
            if failure
            else {name: _rows(kind.tables[name], rows) for name, rows in whole["rows"].items()},
            seconds=_number(whole["seconds"]),
            host=host,
        )
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise OddAnswer(f"{type(error).__name__}: {error}") from None


def _failure(facts: Mapping[str, Any]) -> Failure:  # Any: JSON
    return Failure(
        _text(facts["error"]), _text(facts["message"]), _text(facts["hint"]), _code(facts["exit_code"])
    )


def _rows(table: Table, rows: Sequence[Sequence[Any]]) -> list[list[Cell]]:  # Any: JSON
    types = list(table.columns().values())
    return [[_cell(kind, value) for kind, value in zip(types, row, strict=True)] for row in rows]


def _cell(kind: Any, value: Any) -> Cell:  # Any: a type, JSON
    if value is None:
        if NoneType in get_args(kind):
            return None
        raise OddAnswer("nothing where a value belongs")
    (plain,) = [one for one in get_args(kind) if one is not NoneType] or [kind]
    return _READERS[plain](value)


def _text(value: Any) -> str:  # Any: JSON
    """Return a text as any database holds it: of Unicode, without NUL."""
    if not isinstance(value, str):
        raise OddAnswer("no text where one belongs")
    text = value[:LONGEST].replace("\0", "\N{REPLACEMENT CHARACTER}")
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _whole(value: Any) -> int:  # Any: JSON
    if isinstance(value, bool) or not isinstance(value, int):
        raise OddAnswer("no number where one belongs")
    return max(-LARGEST, min(value, LARGEST))


def _number(value: Any) -> float:  # Any: JSON
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise OddAnswer("no number where one belongs")
    return float(value)


def _yes_or_no(value: Any) -> bool:  # Any: JSON
    if not isinstance(value, bool):
        raise OddAnswer("neither yes nor no")
    return value


def _code(value: Any) -> int:  # Any: JSON
    code = _whole(value)
    if not 0 <= code <= 255:
        raise OddAnswer("no exit code")
    return code


_READERS: Mapping[Any, Callable[[Any], Cell]] = {
    str: _text,
    int: _whole,
    Moment: _whole,
    float: _number,
    bool: _yes_or_no,
}
