"""Texts as a terminal may get them: what a guest has written can name itself as anything."""

from __future__ import annotations

import json
import unicodedata


def clean(text: str) -> str:
    """Make a guest's string safe for a terminal: control, format and undecodable characters become escapes.

    A file name can hold an escape sequence that renames the window, or a right-to-left mark that turns
    ``gpj.exe`` into ``exe.jpg``; both are shown as what they are, ``\\x1b`` and ``\\u202e``.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if _harmless(letter) else _escape(letter) for letter in text)


def clean_json(document: str) -> str:
    """Write in a JSON document what a terminal must not get as JSON does: the document says the same."""
    if document.isascii():  # JSON escapes the control characters of ASCII itself
        return document
    return "".join(
        letter if letter == "\n" or _harmless(letter) else json.dumps(letter)[1:-1] for letter in document
    )


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
