"""More rows than memory holds, in the order of their time: sorted in parts that lie in files, and merged from there."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, NamedTuple

HELD = 50_000  # rows in memory; of files some 25 MB
HELD_TEXT = 16 << 20  # characters of their texts


class Row(NamedTuple):
    """One moment as it is sorted. ``numbers`` are the facts of a file, without the first: its kind."""

    time: int  # nanoseconds since 1970
    where: str
    kind: str
    what: str
    text: str = ""
    numbers: tuple[int, ...] = ()


def sorted_rows(rows: Iterable[Row], held: int = HELD, held_text: int = HELD_TEXT) -> Iterator[Row]:
    """Yield rows by time, those of one time by their places, and those of one place as they came."""
    with ExitStack() as stack:
        parts: list[IO[str]] = []
        part: list[Row] = []
        length = 0
        for row in rows:
            part.append(row)
            length += len(row.text)
            if len(part) >= held or length >= held_text:
                parts.append(stack.enter_context(_written(part)))
                part, length = [], 0
        part.sort(key=_order)
        yield from heapq.merge(*(_read(one) for one in parts), part, key=_order)


def _order(row: Row) -> tuple[int, str]:
    return row[:2]


def _written(part: list[Row]) -> IO[str]:
    part.sort(key=_order)
    file = TemporaryFile("w+", encoding="ascii", prefix="imgtools-")  # noqa: SIM115 (its reader closes it)
    file.writelines(
        f"{json.dumps(row)}\n" for row in part
    )  # which escapes what is not ASCII, halves of letters too
    file.seek(0)
    return file


def _read(file: IO[str]) -> Iterator[Row]:
    for line in file:
        time, where, kind, what, text, numbers = json.loads(line)
        yield Row(time, where, kind, what, text, tuple(numbers))
