"""How the peers put things on standard output: CSV, sizes for people, columns."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

POWERS = "KMGTPEZY"
QUOTED = frozenset(' "\n,')


def put(text: str) -> None:
    """Write text to standard output; what is no UTF-8 in it goes out as it came in, but not to a terminal."""
    if sys.stdout.isatty():
        sys.stdout.write(harmless(text))
    elif (stream := getattr(sys.stdout, "buffer", None)) is not None:
        stream.write(text.encode("utf-8", "surrogateescape"))
    else:
        sys.stdout.write(text)  # a program has put something of its own in place of it


def put_bytes(chunk: bytes) -> None:
    """Write bytes to standard output, as they are unless it is a terminal."""
    if sys.stdout.isatty() or not hasattr(sys.stdout, "buffer"):
        put(chunk.decode("utf-8", "surrogateescape"))
    else:
        sys.stdout.buffer.write(chunk)


def harmless(text: str) -> str:
    """Return text without what a terminal would obey; lines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text)


def csv_field(text: str) -> str:
    """Quote one field as the peers do: where a space, a quote, a comma or a line end is in it."""
    return '"' + text.replace('"', '""') + '"' if QUOTED.intersection(text) else text


def csv_line(fields: Iterable[str | None]) -> str:
    """Return one line of CSV; a field that is None is empty."""
    return ",".join("" if one is None else csv_field(one) for one in fields) + "\n"


def human(amount: int) -> str:
    """Return a size as gnulib's human_readable has it, rounded to the nearest, to base 1024: 512, 1.5K, 12G.

    Source: lib/human.c of gnulib with human_round_to_nearest, human_autoscale, human_base_1024 and human_SI.
    """
    tenths = rounding = exponent = 0
    if amount >= 1024:
        while amount >= 1024 and exponent < len(POWERS):
            tenth = (amount % 1024) * 10 + tenths
            rest = (tenth % 1024) * 2 + (rounding >> 1)
            amount //= 1024
            tenths = tenth // 1024
            rounding = int(rest + rounding != 0) if rest < 1024 else 2 + int(rest + rounding > 1024)
            exponent += 1
        if amount < 10:
            if rounding + (tenths & 1) > 2:
                tenths, rounding = tenths + 1, 0
                if tenths == 10:
                    amount, tenths = amount + 1, 0
            if amount < 10:
                return f"{amount}.{tenths}{POWERS[exponent - 1]}"
    if tenths + int(rounding + (amount & 1) > 0) > 5:
        amount += 1
        if amount == 1024 and exponent < len(POWERS):
            return f"1.0{POWERS[exponent]}"
    return f"{amount}{POWERS[exponent - 1] if exponent else ''}"


def columns(rows: Sequence[Sequence[str | None]], most: int = 72) -> str:
    """Return rows as virt-filesystems lines them up: two spaces between columns, or one where that is too wide.

    An empty field is ``-``; a column that is empty in all rows is left out.

    :param most: how wide rows are with two spaces between and behind columns, at most.
    """
    count = max(map(len, rows), default=0)
    widths = [max((len(_shown(row[at]).encode("utf-8", "surrogateescape")) for row in rows if row[at] is not None),
                  default=0) for at in range(count)]  # fmt: skip
    # Eight is how many columns the program has, used or not.
    space = 2 if sum(widths) + 2 * 8 <= most else 1
    return "".join(_line(row, widths, space) for row in rows)


def _shown(field: str | None) -> str:
    return field or "-"


def _line(row: Sequence[str | None], widths: Sequence[int], space: int) -> str:
    line, behind = "", 0
    for field, width in zip(row, widths, strict=True):
        if width:
            shown = _shown(field)
            line += " " * behind + shown
            behind = width - len(shown.encode("utf-8", "surrogateescape")) + space
    return line + "\n"
