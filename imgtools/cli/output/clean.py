"""Texts as a terminal may get them: what a guest has written can name itself as anything."""

from __future__ import annotations


def clean(text: str) -> str:
    """Make a guest's string safe for a terminal: control, format and undecodable characters become escapes.

    A file name can hold an escape sequence that renames the window, or a right-to-left mark that turns
    ``gpj.exe`` into ``exe.jpg``; both are shown as what they are, ``\\x1b`` and ``\\u202e``.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if is_harmless(letter) else _escape(letter) for letter in text)


def is_harmless(letter: str) -> bool:
    """Whether a terminal shows a letter as itself, and does nothing else."""
    return letter.isprintable()  # false of control and format characters, surrogates, odd spaces


def _escape(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, kept as a surrogate escape
        return f"\\x{code - 0xDC00:02x}"
    named = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(letter)
    return named or (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
