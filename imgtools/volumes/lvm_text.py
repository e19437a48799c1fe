"""LVM2's text metadata: ``name = value`` and ``name { ... }``, as lib/config and lib/format_text of LVM read it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

DEEPEST = 16  # sections in sections; LVM itself uses four
LARGEST_NUMBER = 1 << 63

TOKEN = re.compile(
    # Possessive: a comment of n signs in a damaged text could be split in 2^n ways.
    r"""(?:\s|\#[^\n]*+)*+             # blanks and comments
    (?: (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z0-9_.+\-]+)
      | (?P<mark>[={}\[\],])
      | (?P<end>\Z) )""",
    re.VERBOSE | re.DOTALL,
)

Value = str | int | float | list["str | int | float"]


class BadText(Exception):
    """The text does not follow the grammar, or lacks what every group has."""


@dataclass
class Section:
    """What stands between two braces: values and further sections, by name."""

    values: dict[str, Value] = field(default_factory=dict)
    sections: dict[str, Section] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A string that must be there."""
        value = self.values.get(name)
        if not isinstance(value, str):
            raise BadText(f"no text {name!r}")
        return value

    def number(self, name: str) -> int:
        """A number that must be there, not negative."""
        value = self.values.get(name)
        if not isinstance(value, int) or not 0 <= value < LARGEST_NUMBER:
            raise BadText(f"no number {name!r}")
        return value

    def words(self, name: str) -> list[str | int | float]:
        """A list, empty if it is not there."""
        value = self.values.get(name, [])
        return value if isinstance(value, list) else [value]


class _Tokens:
    """The text, token by token."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.kind = ""
        self.token = ""
        self.step()

    def step(self) -> None:
        """Go to the next token."""
        match = TOKEN.match(self._text, self._at)
        if match is None or match.lastgroup is None:
            raise BadText(f"unreadable at character {self._at}")
        self._at = match.end()
        self.kind, self.token = match.lastgroup, match[match.lastgroup]

    def take(self, mark: str) -> None:
        """Go past a mark that must be there."""
        if self.kind != "mark" or self.token != mark:
            raise BadText(f"{self.token!r} where {mark!r} is wanted")
        self.step()


def parse_text(text: str) -> Section:
    """Read a whole text.

    :raises BadText: it does not follow the grammar.
    """
    tokens = _Tokens(text)
    top = _parse_section(tokens, 0)
    if tokens.kind != "end":
        raise BadText(f"{tokens.token!r} after the end")
    return top


def _parse_section(tokens: _Tokens, depth: int) -> Section:
    if depth > DEEPEST:
        raise BadText("sections too deep")
    section = Section()
    # A name of digits alone reads as a number; LVM takes it for a name in this place.
    while tokens.kind in ("name", "number"):
        name = tokens.token
        tokens.step()
        if tokens.kind == "mark" and tokens.token == "{":
            tokens.step()
            section.sections[name] = _parse_section(tokens, depth + 1)
            tokens.take("}")
        else:
            tokens.take("=")
            section.values[name] = _parse_value(tokens)
    return section


def _parse_value(tokens: _Tokens) -> Value:
    if tokens.kind != "mark" or tokens.token != "[":
        return _parse_scalar(tokens)
    tokens.step()
    values: list[str | int | float] = []
    while not (tokens.kind == "mark" and tokens.token == "]"):
        values.append(_parse_scalar(tokens))
        if tokens.kind == "mark" and tokens.token == ",":
            tokens.step()
    tokens.step()
    return values


def _parse_scalar(tokens: _Tokens) -> str | int | float:
    kind, token = tokens.kind, tokens.token
    if kind not in ("string", "number"):
        raise BadText(f"{token!r} where a value is wanted")
    tokens.step()
    if kind == "string":
        return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)
    if "." in token:
        return float(token)
    if len(token) > 20:
        raise BadText("a number too long")
    return int(token)
