r"""INF files, which say what a driver of Windows is for and how it is installed: their text as sections of entries.

What an entry means is in :mod:`imgtools.guest.windows.inf_driver`. Sources: "General Syntax Rules for INF Files" and
"INF Strings Section" (learn.microsoft.com): section names and keys in any letter case, sections of one name are one,
``;`` begins a comment, a ``\`` at the end of a line continues it, ``"`` quotes and ``""`` is one of them, ``%key%``
stands for a text of [Strings] and ``%%`` for a percent sign.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from imgtools.errors import HostError, shorten

LARGEST = 4 << 20  # bytes; Windows' own largest, for printers, have some 2 MB
MOST_ENTRIES = 200_000
LONGEST = 4096  # characters of a value, strings put in: MAX_INF_STRING_LENGTH of setupapi.h
MOST_TEXT = 64 << 20  # characters of all values together

MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
TOKEN = re.compile(r"%([^%]*)%")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a section: ``key = value, value``, or values alone; then the key is "". Strings are expanded."""

    line: int
    key: str
    values: tuple[str, ...]

    def value(self, number: int) -> str:
        """Return a value by its number, from 0; "" if there are fewer."""
        return self.values[number] if number < len(self.values) else ""


class Inf:
    """The sections of one INF file; ``name`` is the file, for messages."""

    def __init__(self, name: str, sections: Mapping[str, Sequence[Entry]]) -> None:
        self.name = name
        self._sections = sections

    def has(self, section: str) -> bool:
        """Whether there is a section, empty or not."""
        return section.casefold() in self._sections

    def entries(self, section: str) -> Sequence[Entry]:
        """Return the entries of a section; none if it is not there."""
        return self._sections.get(section.casefold(), ())

    def find(self, section: str, *keys: str) -> Entry | None:
        """Return the entry of the first of these keys that a section has."""
        by_key: dict[str, Entry] = {}
        for entry in self.entries(section):
            by_key.setdefault(entry.key.casefold(), entry)
        return next((by_key[key.casefold()] for key in keys if key.casefold() in by_key), None)

    def text(self, section: str, *keys: str) -> str:
        """Return the first value of the first of these keys that a section has; "" if there is none."""
        found = self.find(section, *keys)
        return found.value(0) if found is not None else ""

    def all(self, section: str, key: str) -> Iterator[Entry]:
        """Yield every entry of a key, as several ``AddReg`` of one section."""
        return (entry for entry in self.entries(section) if entry.key.casefold() == key.casefold())

    def wrong(self, line: int, what: str) -> HostError:
        """Return the error that says what is wrong in a line; line 0: in the whole."""
        where = f"{self.name}, line {line}" if line else self.name
        return HostError(f"{where}: {what}", hint="the driver's INF file is damaged, or cut short")


def decode_inf(content: bytes, name: str) -> str:
    """Return the text of an INF file: by its mark, else UTF-8, else the letters of Western Europe.

    :raises HostError: it is too large, or no text.
    """
    if len(content) > LARGEST:
        raise HostError(
            f"{name}: an INF file of {len(content)} bytes", hint=f"none has more than {LARGEST >> 20} MiB"
        )
    mark, encoding = next((one for one in MARKS if content.startswith(one[0])), (b"", "utf-8"))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        if mark:
            line = content[: len(mark) + error.start].decode(encoding, "ignore").count("\n") + 1
            raise HostError(f"{name}, line {line}: not {encoding.upper()}, which its mark says") from None
        text = content.decode("latin-1")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise HostError(
            f"{name}, line {line}: a zero byte", hint="the file is damaged, or UTF-16 without its mark"
        )
    return text


def read_inf(content: bytes, name: str) -> Inf:
    """Return an INF file's sections, with the strings of [Strings] put in.

    :param name: the file, for messages.
    :raises HostError: it does not parse.
    """
    return parse_inf(decode_inf(content, name), name)


def parse_inf(text: str, name: str) -> Inf:
    """As :func:`read_inf`, of the text.

    :raises HostError: it does not parse.
    """
    raw: dict[str, list[tuple[int, str]]] = {}
    empty = Inf(name, {})
    here: list[tuple[int, str]] | None = None
    for count, (number, line) in enumerate(_joined(text)):
        if count > MOST_ENTRIES:
            raise empty.wrong(number, f"more than {MOST_ENTRIES} entries")
        if line.startswith("["):
            section, closed, rest = line[1:].partition("]")
            if not closed or not section.strip() or rest.strip():
                raise empty.wrong(number, f"not the name of a section: {shorten(line)!r}")
            here = raw.setdefault(section.strip().strip('"').casefold(), [])
        elif here is None:
            raise empty.wrong(number, f"text before the first section: {shorten(line)!r}")
        else:
            here.append((number, line))
    expander = _Expander(empty, raw.get("strings", ()))
    return Inf(name, {key: [expander.entry(one) for one in lines] for key, lines in raw.items()})


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, with their numbers: comments gone, continued ones put together."""
    held, begin = "", 0
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        bare = _without_comment(line).strip()
        begin = begin or number
        if bare.endswith("\\") and bare.count('"') % 2 == 0:
            held += bare[:-1]
            continue
        if held + bare:
            yield begin, held + bare
        held, begin = "", 0
    if held:
        yield begin, held


def _without_comment(line: str) -> str:
    if ";" not in line:
        return line
    quoted = False
    for at, letter in enumerate(line):
        if letter == '"':
            quoted = not quoted
        elif letter == ";" and not quoted:
            return line[:at]
    return line


# A part of a value: quoted, with its doubled quotes, up to the line's end if it is not closed; or bare.
PART = re.compile(r'"((?:[^"]|"")*)(?:"|$)|([^",=]+)|([,=])')


def _split(numbered: tuple[int, str]) -> tuple[int, str, tuple[str, ...]]:
    """Return the number, the key and the values of a line; blanks around them go, quoted ones stay."""
    number, line = numbered
    key, values, has_key = "", [""], False
    bare = True  # whether what was gathered ends with a bare part, whose blanks at the end go
    for match in PART.finditer(line):
        quoted, plain, sign = match.groups()
        if sign == "=" and not has_key and len(values) == 1:
            key, values, has_key = values[0].rstrip() if bare else values[0], [""], True
        elif sign == ",":
            values[-1] = values[-1].rstrip() if bare else values[-1]
            values.append("")
        elif sign:
            values[-1] += sign
        elif quoted is not None:
            values[-1] += quoted.replace('""', '"')
        elif not plain.isspace():
            values[-1] += plain if values[-1] else plain.lstrip()
        else:
            continue
        bare = quoted is None
    values[-1] = values[-1].rstrip() if bare else values[-1]
    return number, key, tuple(values)


class _Expander:
    """Puts the strings of an INF file into its entries; what comes of it has a limit: one may stand there often."""

    def __init__(self, inf: Inf, strings: Sequence[tuple[int, str]]) -> None:
        self._inf = inf
        self._left = MOST_TEXT
        self._strings: dict[str, str] = {}
        for number, key, values in map(_split, strings):
            self._strings[key.casefold()] = self._short(number, ",".join(values))

    def entry(self, numbered: tuple[int, str]) -> Entry:
        number, key, values = _split(numbered)
        return Entry(
            number, self._expanded(number, key), tuple(self._expanded(number, one) for one in values)
        )

    def _expanded(self, number: int, text: str) -> str:
        if "%" in text:
            text = self._short(number, TOKEN.sub(self._string, self._short(number, text)))
        self._left -= len(text)
        if self._left < 0:
            raise self._inf.wrong(number, f"more than {MOST_TEXT} characters with its strings put in")
        return self._short(number, text)

    def _string(self, match: re.Match[str]) -> str:
        """What ``%key%`` stands for; a number is a directory's and stays, as does what no string has."""
        return self._strings.get(match[1].strip().casefold(), match[0]) if match[1] else "%"

    def _short(self, number: int, text: str) -> str:
        if len(text) > LONGEST:
            raise self._inf.wrong(number, f"a value of {len(text)} characters")
        return text
