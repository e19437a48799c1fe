"""Scripted edits of text: ``s/old/new/flags``, in Python's regular expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from imgtools.errors import UsageError

FLAGS = {"g": 0, "i": re.IGNORECASE, "w": re.MULTILINE}


@dataclass(frozen=True, slots=True)
class Substitution:
    """One expression: ``count`` replacements a line (0: all), or over the whole text if ``whole``."""

    pattern: re.Pattern[str]
    replacement: str
    count: int
    whole: bool

    def apply(self, text: str) -> str:
        """Return the text with the replacements made; line ends stay as they are."""
        if self.whole:
            return self.pattern.sub(self.replacement, text, count=self.count)
        return "".join(self._line(line) for line in text.splitlines(keepends=True))

    def _line(self, line: str) -> str:
        body = line.rstrip("\r\n")
        return self.pattern.sub(self.replacement, body, count=self.count) + line[len(body) :]


def parse_expression(text: str) -> Substitution:
    """Read ``s/old/new/flags``; any character may stand for the slash, and ``\\/`` is the character itself.

    As in sed and in virt-edit an expression works line by line and replaces the first match of each. Flags: ``g``
    all matches, ``i`` in any letter case, ``w`` over the whole text (``^`` and ``$`` still match at lines), and a
    number: that many matches.

    :raises UsageError: the text is no such expression, or the pattern no regular expression.
    """
    if len(text) < 4 or text[0] != "s" or text[1].isalnum() or text[1] in "\\ \n":
        raise UsageError(
            f"not an expression: {text!r}", hint="write s/old/new/, with flags g, i, w or a number"
        )
    parts = _split(text[2:], text[1])
    if len(parts) != 3:
        raise UsageError(f"not an expression: {text!r}", hint=f"it has three {text[1]!r}: s/old/new/")
    old, new, flags = parts
    options, count, whole = _read_flags(flags, text)
    try:
        pattern = re.compile(old, options)
        # A bad reference to a group shows only when something matches: an alternative that always does.
        re.compile(f"(?:{old})|", options).sub(new, "")
    except (re.error, IndexError) as error:
        raise UsageError(f"not a regular expression in {text!r}: {error}") from None
    return Substitution(pattern, new, count, whole)


def _split(text: str, delimiter: str) -> list[str]:
    """Split at the delimiter; behind a backslash it is a plain character, and other escapes stay."""
    parts: list[str] = []
    current, position = "", 0
    while position < len(text):
        letter = text[position]
        if letter == "\\" and position + 1 < len(text):
            follower = text[position + 1]
            current += follower if follower == delimiter else letter + follower
            position += 2
            continue
        if letter == delimiter and len(parts) < 2:
            parts.append(current)
            current = ""
        else:
            current += letter
        position += 1
    return [*parts, current]


def _read_flags(flags: str, text: str) -> tuple[int, int, bool]:
    match = re.fullmatch(r"([giw]*)(\d*)([giw]*)", flags)
    if match is None:
        raise UsageError(
            f"no such flags: {flags!r} in {text!r}", hint="g all, i any case, w whole text, or a number"
        )
    letters = match[1] + match[3]
    options = 0
    for letter in letters:
        options |= FLAGS[letter]
    count = 0 if "g" in letters else int(match[2] or 1)
    return options, count, "w" in letters


def apply_expressions(content: bytes, expressions: Sequence[str]) -> bytes:
    """Return ``content`` after every expression, one after the other; bytes that are not UTF-8 stay.

    :raises UsageError: an expression does not parse.
    """
    text = content.decode("utf-8", "surrogateescape")
    for expression in [parse_expression(one) for one in expressions]:
        text = expression.apply(text)
    return text.encode("utf-8", "surrogateescape")
