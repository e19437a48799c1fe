"""Standard input as keys: it is read once, and nobody else may read it then."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

from imgtools.errors import UsageError
from imgtools.records.request import Key


def keys_of_standard_input(values: Mapping[str, Any]) -> tuple[Key, ...]:
    """Return the keys that ``--keys-from-stdin`` means.

    :raises UsageError: it is a terminal, or something else is to be read from it too.
    """
    if any(values.get(name) == Path("-") for name in ("images_from", "images0_from")):
        raise _taken("the list of images")
    if sys.stdin.isatty():
        raise UsageError(
            "standard input is a terminal", hint="--key all:ask asks for a key without showing it"
        )
    from imgtools.disk.keys import read_lines

    keys = read_lines(sys.stdin.buffer)
    sys.stdin = cast(TextIO, _Taken())
    return keys


def _taken(other: str) -> UsageError:
    return UsageError(
        f"standard input has the keys, and cannot be {other} too",
        hint="give the keys with --key WHAT:file:PATH",
    )


class _Taken:
    """Standard input after its keys were read: a command that wants more of it must not take that for its end."""

    def isatty(self) -> bool:
        """No."""
        return False

    def __getattr__(self, name: str) -> NoReturn:
        raise _taken("what the command reads")
