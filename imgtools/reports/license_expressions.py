"""Which texts are licences by SPDX' own names, alone or joined: SPDX 2.3, annex D.

The names are those of the SPDX License List (CC0-1.0) that both the schema of CycloneDX 1.6 and the validator of SPDX
know, so that a document which uses one is valid by both.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

LONGEST = 400  # characters of an expression
DEEPEST = 20  # brackets in brackets
_TOKEN = re.compile(r"\s*(\(|\)|[A-Za-z0-9.+-]+)")
_NAMES = Path(__file__).with_name("spdx_licenses.json")


class _Names(NamedTuple):
    """The names of the list: licences, and exceptions, which stand behind WITH alone."""

    licenses: frozenset[str]
    exceptions: frozenset[str]


@cache
def _names() -> _Names:
    found = json.loads(_NAMES.read_text(encoding="ascii"))
    return _Names(frozenset(found["licenses"]), frozenset(found["exceptions"]))


def is_license_id(text: str) -> bool:
    """Whether a text is the name of one licence, as SPDX spells it."""
    return text in _names().licenses


@cache
def is_expression(text: str) -> bool:
    """Whether a text is one licence of SPDX, or several with AND, OR, WITH and brackets."""
    if is_license_id(text):
        return True
    tokens = _tokens(text)
    return bool(tokens) and _after_or(tokens, 0, 0) == len(tokens)


def _tokens(text: str) -> list[str]:
    """The words of an expression; none where there is something else in it."""
    tokens: list[str] = []
    place, text = 0, text[: LONGEST + 1].rstrip()
    while place < len(text) <= LONGEST:
        match = _TOKEN.match(text, place)
        if match is None:
            return []
        tokens.append(match[1])
        place = match.end()
    return tokens


# Each of these returns the place behind what it has read; -1, if it is no expression. AND binds more than OR.


def _after_or(tokens: list[str], place: int, depth: int) -> int:
    place = _after_and(tokens, place, depth)
    while 0 <= place < len(tokens) and tokens[place] == "OR":
        place = _after_and(tokens, place + 1, depth)
    return place


def _after_and(tokens: list[str], place: int, depth: int) -> int:
    place = _after_license(tokens, place, depth)
    while 0 <= place < len(tokens) and tokens[place] == "AND":
        place = _after_license(tokens, place + 1, depth)
    return place


def _after_license(tokens: list[str], place: int, depth: int) -> int:
    if place >= len(tokens) or depth > DEEPEST:
        return -1
    if tokens[place] == "(":
        end = _after_or(tokens, place + 1, depth + 1)
        return end + 1 if 0 <= end < len(tokens) and tokens[end] == ")" else -1
    if not is_license_id(tokens[place]):
        return -1
    if tokens[place + 1 : place + 2] != ["WITH"]:
        return place + 1
    return place + 3 if tokens[place + 2 : place + 3] and tokens[place + 2] in _names().exceptions else -1
