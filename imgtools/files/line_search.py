"""Lines of a text that a pattern is found in, as grep finds them; a piece of the text is held at a time."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from imgtools.errors import OddGuest, UsageError

PIECE = 1 << 16  # bytes that are searched at once
LONGEST_LINE = 16 << 20  # bytes; what is longer is no text
LOOKED_AT = 1 << 15  # bytes of the beginning in which a NUL makes a file binary, as GNU grep has it
# What a search of many lines at once could answer otherwise than one of each line: what looks around or at the ends of
# the text, and what gives nothing back.
_OF_ONE_LINE = re.compile(r"\(\?|\\[ABZz]|[*+?}]\+")


@dataclass(frozen=True, slots=True)
class LinePattern:
    """What is looked for, and around it; see :meth:`hits`.

    :param text: a regular expression of Python's ``re``, or the very text if ``fixed``.
    """

    text: str
    fixed: bool = False
    ignore_case: bool = False
    word: bool = False  # only where no letter, digit or _ is beside it
    whole_line: bool = False
    invert: bool = False  # the lines in which it is not
    before: int = 0  # lines that are shown before one
    after: int = 0
    most: int | None = None  # lines of a file

    def compiled(self) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
        """Return what a line has to match, and what a piece of text has to match of which any line does; None: unknown.

        :raises UsageError: it is no regular expression.
        """
        flags = re.IGNORECASE if self.ignore_case else re.NOFLAG
        plain = re.escape(self.text) if self.fixed else self.text
        around = rf"(?<!\w)(?:{plain})(?!\w)" if self.word else plain
        try:
            line = re.compile(rf"^(?:{around})$" if self.whole_line else around, flags)
            quick = self.fixed or not _OF_ONE_LINE.search(plain)
            return line, re.compile(plain, flags | re.MULTILINE) if quick and not self.invert else None
        except (re.error, RecursionError, OverflowError) as error:
            raise UsageError(
                f"not a regular expression: {self.text}: {error}",
                hint="with --fixed-strings the text itself is looked for",
            ) from None


class LineHit(NamedTuple):
    """A line: its number from 1, its text without its end, and whether it is one or stands beside one."""

    number: int
    text: str
    is_match: bool = True


class LineSearch:
    """A search that may be made in many files."""

    def __init__(self, pattern: LinePattern) -> None:
        self._pattern = pattern
        self._line, self._piece = pattern.compiled()

    def matches(self, text: str) -> Iterator[str]:
        """Yield what the pattern is found as in a line; a match of nothing is none."""
        return (found.group() for found in self._line.finditer(text) if found.group())

    def is_in(self, stream: BinaryIO) -> bool:
        """Whether the pattern is found in a binary file, whose lines are ended by NUL too.

        :raises OddGuest: as :meth:`hits`.
        """
        return any(hit.is_match for hit in self._hits(_pieces(stream, binary=True)))

    def hits(self, stream: BinaryIO) -> Iterator[LineHit]:
        """Yield the lines of a text, in their order; bytes that are not UTF-8 are surrogate escapes.

        :raises OddGuest: a line is longer than :data:`LONGEST_LINE`.
        """
        yield from self._hits(_pieces(stream))

    def _hits(self, pieces: Iterable[bytes]) -> Iterator[LineHit]:
        pattern = self._pattern
        earlier: deque[LineHit] = deque(maxlen=pattern.before)
        left, number, count = 0, 0, 0  # lines to show behind one; the line; how many there were
        for piece in pieces:
            text = piece.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
            lines = text.removesuffix("\n").split("\n")
            if not left and self._piece is not None and not self._piece.search(text):
                first = number + len(lines) - pattern.before + 1
                kept = lines[-pattern.before :] if pattern.before else []
                earlier.extend(
                    LineHit(max(first, number + 1) + at, one, False) for at, one in enumerate(kept)
                )
                number += len(lines)
                continue
            for one in lines:
                number += 1
                if (self._line.search(one) is not None) is not pattern.invert and count != pattern.most:
                    yield from earlier
                    earlier.clear()
                    yield LineHit(number, one)
                    count, left = count + 1, pattern.after
                elif left:
                    left -= 1
                    yield LineHit(number, one, False)
                elif count == pattern.most:
                    return
                else:
                    earlier.append(LineHit(number, one, False))


def is_binary(head: bytes) -> bool:
    """Whether a file with this beginning is no text."""
    return b"\0" in head[:LOOKED_AT]


def _pieces(stream: BinaryIO, *, binary: bool = False) -> Iterator[bytes]:
    """Yield a text in pieces of whole lines, or of a binary file what may be one, with NUL for a line end too."""
    rest: list[bytes] = []
    size = 0
    while piece := stream.read(PIECE):
        piece = piece.replace(b"\0", b"\n") if binary else piece
        end = piece.rfind(b"\n") + 1
        if end:
            yield b"".join((*rest, piece[:end]))
            rest, size = [], 0
        rest.append(piece[end:])
        size += len(piece) - end
        if size > LONGEST_LINE:
            raise OddGuest(f"a line of more than {LONGEST_LINE >> 20} MiB; what follows was not searched")
    if size:
        yield b"".join(rest)
