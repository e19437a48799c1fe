"""A line of a session: words as a shell takes them, and where what a command prints goes.

Words are quoted as in sh(1), and with ``$'...'`` as bash(1) has it; nothing is expanded. Behind the first ``|`` stands
a command for the host's own shell, as it is. What sh(1) would take as more than words, and we do not, is an error and
not a letter: ``rm /a; rm /b`` must not remove a file called ``/a;``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgtools.errors import UsageError

# What cannot stand in a word without quotes, and is not for us.
_REFUSED = dict.fromkeys(";&", "one command a line") | dict.fromkeys(("`", "$("), "nothing is expanded")
_ENDS_WORD = " \t|<>"
_ESCAPES = {"a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NUMBERED = re.compile(r"x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})")
_PLAIN = re.compile(r"[\w@%+=:,./\\^~-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Word:
    """One word, where in the line it begins, and whether its last quote is closed."""

    text: str
    start: int
    is_closed: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """What a line asks for; ``words`` are empty for a comment, an empty line, and a command of the host."""

    words: tuple[str, ...] = ()
    goes_on: bool = False  # begins with -: an error does not end the script
    host: str = ""  # behind a !: a command of the host
    pipe: str = ""  # behind a |: a command of the host that reads what is printed
    output: str = ""  # behind a >: a file of the host
    appends: bool = False
    input: str = ""  # behind a <: a file of the host


def parse(text: str) -> Line:
    """Return what a line asks for.

    :raises UsageError: a quote is not closed, or a word is not for us; it says where.
    """
    text, goes_on = text.strip(), False
    if text.startswith("-"):
        text, goes_on = text[1:].lstrip(), True
    if text.startswith("!"):
        if not text[1:].strip():
            raise UsageError("no command of the host behind the !", hint="!ls -l")
        return Line(goes_on=goes_on, host=text[1:].strip())
    reader = Reader(text)
    words = [one.text for one in reader.words()]
    if reader.open_quote:
        raise UsageError(
            f"a quote is not closed: {text[reader.open_quote - 1 :]}", hint="\\' is a quote itself"
        )
    if not words and (reader.pipe or reader.targets):
        raise UsageError("no command in front of the | or >", hint="a command of the host begins with !")
    return Line(
        tuple(words),
        goes_on,
        pipe=reader.pipe,
        output=reader.targets.get(">", reader.targets.get(">>", "")),
        appends=">>" in reader.targets,
        input=reader.targets.get("<", ""),
    )


class Reader:
    """Reads the words of a line, also of one that is still being typed."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.pipe = ""
        self.targets: dict[str, str] = {}  # > or >> or <, and the file
        self.open_quote = 0  # where a quote begins that is not closed, counted from 1
        self.redirects = False  # the last word is a file behind a > or <

    def words(self) -> list[Word]:
        """Return the words up to the end, a comment or a pipe; files behind > and < are none of them.

        :raises UsageError: a letter is not for us.
        """
        found: list[Word] = []
        while self._skip():
            letter = self._text[self._at]
            if letter == "|":
                self.pipe = self._text[self._at + 1 :].strip().removeprefix("!").strip()
                if not self.pipe:
                    raise UsageError(
                        "no command of the host behind the |", hint="cat /etc/passwd | grep root"
                    )
                break
            if letter in "<>":
                self._target()
                continue
            found.append(self._word())
        return found

    def _skip(self) -> bool:
        while self._at < len(self._text) and self._text[self._at] in " \t":
            self._at += 1
        return self._at < len(self._text) and self._text[self._at] != "#"

    def _target(self) -> None:
        mark = ">>" if self._text.startswith(">>", self._at) else self._text[self._at]
        self._at += len(mark)
        if not self._skip() or self._text[self._at] in "|<>":
            raise UsageError(f"no file of the host behind the {mark}", hint=f"ls /etc {mark} list")
        self.targets[mark] = self._word().text

    def _word(self) -> Word:
        start, pieces = self._at, list[str]()
        while self._at < len(self._text) and self._text[self._at] not in _ENDS_WORD:
            pieces.append(self._piece())
        return Word("".join(pieces), start, not self.open_quote)

    def _piece(self) -> str:
        """Read a letter, or what a quote holds."""
        letter = self._text[self._at]
        letter = "$(" if self._text.startswith("$(", self._at) else letter
        if letter in _REFUSED:
            raise UsageError(
                f"{letter} is not understood: {_REFUSED[letter]}",
                hint=f"quote it where it is a letter: '{letter}'",
            )
        if letter == "'":
            return self._quoted(self._at + 1, "'")
        if letter == '"':
            return self._quoted(self._at + 1, '"')
        if self._text.startswith("$'", self._at):
            return self._quoted(self._at + 2, "$")
        if letter == "\\" and self._at + 1 < len(self._text):
            # A path of Windows is typed as it is: only what would mean something else is taken literally.
            following = self._text[self._at + 1]
            if following in " \t\\'\"|<>;&`#$*?[]{}!":
                self._at += 2
                return following
        self._at += 1
        return letter

    def _quoted(self, begin: int, kind: str) -> str:
        opened, self._at, pieces = self._at + 1, begin, list[str]()
        end = "'" if kind == "$" else kind
        while self._at < len(self._text):
            letter = self._text[self._at]
            if letter == end:
                self._at += 1
                held = "".join(pieces)
                # Bytes that are UTF-8 together are the letter that they are in names of the guest.
                return held.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
            if letter == "\\" and kind == "$":
                pieces.append(self._escape())
                continue
            if (
                letter == "\\"
                and kind == '"'
                and self._text[self._at + 1 : self._at + 2] in ('"', "\\", "$", "`")
            ):
                self._at += 1
                letter = self._text[self._at]
            pieces.append(letter)
            self._at += 1
        self.open_quote = opened
        return "".join(pieces)

    def _escape(self) -> str:
        """Read what stands for a letter in ``$'...'``; numbers up to 255 are bytes, as the guest has them."""
        if (numbered := _NUMBERED.match(self._text, self._at + 1)) is not None:
            self._at = numbered.end()
            by_hex, short, long, octal = numbered.groups()
            if by_hex or octal:
                value = int(by_hex, 16) if by_hex else int(octal, 8) & 0xFF
                return chr(value) if value < 0x80 else chr(0xDC00 + value)
            return chr(min(int(short or long, 16), 0x10FFFF))
        letter = self._text[self._at + 1 : self._at + 2]
        self._at += 2
        return _ESCAPES.get(letter, letter)


def quoted(word: str) -> str:
    """Return a word as it may be typed: what a terminal must not get as it is becomes an escape."""
    from imgtools.cli.output.clean import is_harmless

    if _PLAIN.fullmatch(word):
        return word.replace("\\", "\\\\")
    if all(map(is_harmless, word)):
        return word if _needs_none(word) else "'" + word.replace("'", "'\\''") + "'"
    return "$'" + "".join(map(_escaped, word)) + "'"


def _needs_none(word: str) -> bool:
    return bool(word) and all(letter.isalnum() or letter in "@%+=:,./^~-_" for letter in word)


def _escaped(letter: str) -> str:
    from imgtools.cli.output.clean import is_harmless

    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if letter in "'\\":
        return f"\\{letter}"
    if is_harmless(letter):
        return letter
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
