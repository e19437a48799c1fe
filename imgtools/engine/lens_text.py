"""Text that a lens of Augeas takes, made of one that its readers take and the lens does not, and back again.

A last line without an end is given one, as libaugeas does with the files that it reads itself (src/transform.c,
``load_file``). In an fstab, what libmount reads past and Fstab.lns stops at is left out: options that are empty
(``rw,,nodev``, ``defaults,``), what stands behind the sixth field, and the return of an end of line of DOS.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from dataclasses import dataclass

FSTAB = "Fstab.lns"
# fstab(5): device, mount point, type, options, and two numbers; whatever comes behind them is not read.
_LINE = re.compile(
    rb"(?P<device>[ \t]*[^\s#]\S*[ \t]+\S+[ \t]+)(?P<type>\S+)"
    rb"(?:(?P<gap>[ \t]+)(?P<options>[^\s#]\S*)(?P<numbers>[ \t]+\d+[ \t]+\d+)?)?(?P<rest>.*)"
)


@dataclass(frozen=True, slots=True)
class LensText:
    """The text for the lens, and what it stands for."""

    text: bytes
    is_cut: bool = False  # the file's last line has no end
    lines: tuple[tuple[bytes, bytes], ...] = ()  # a line of the text, and the file's own

    def restored(self, text: bytes) -> bytes:
        """Return what is to be written for ``text``: lines that were not changed are the file's own again."""
        if self.lines:
            own: defaultdict[bytes, deque[bytes]] = defaultdict(deque)
            for plain, line in self.lines:
                own[plain].append(line)
            text = b"\n".join(own[line].popleft() if own[line] else line for line in text.split(b"\n"))
        return text.removesuffix(b"\n") if self.is_cut else text


def with_end(content: bytes) -> LensText:
    """Return a text whose last line has an end."""
    is_cut = not content.endswith(b"\n")
    return LensText(content + b"\n" * is_cut, is_cut)


def tolerant(content: bytes, lens: str) -> LensText | None:
    """Return a text that the lens may take where it did not take the file's own; None if none is known."""
    if lens != FSTAB:
        return None
    whole = with_end(content)
    lines = whole.text.split(b"\n")
    plain = [_plain(line) for line in lines]
    return LensText(b"\n".join(plain), whole.is_cut, tuple(zip(plain, lines, strict=True)))


def _plain(line: bytes) -> bytes:
    """Return a line of fstab as Fstab.lns takes it."""
    line = line.removesuffix(b"\r")
    match = _LINE.fullmatch(line)
    if match is None:
        return line
    plain = match["device"] + _words(match["type"], b"auto")
    if match["options"]:
        plain += match["gap"] + _words(match["options"], b"defaults") + (match["numbers"] or b"")
    is_a_comment = match["rest"].lstrip().startswith(b"#")
    return plain if match["numbers"] and not is_a_comment else plain + match["rest"]


def _words(field: bytes, none: bytes) -> bytes:
    """Return a list of words between commas without the empty ones."""
    return b",".join(word for word in field.split(b",") if word) or none
