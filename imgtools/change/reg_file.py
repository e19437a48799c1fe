r""".reg files, read: what keys and values they make, set and remove.

Read as regedit and reg.exe read them, and more: UTF-16 or UTF-8 with or without a mark, any line ends, comments
anywhere, no empty line needed between keys. A file that begins with REGEDIT4 is of Windows 95: its bytes, and those
of its hexadecimal strings, are code page 1252. Source: learn.microsoft.com, "How to add, modify, or delete registry
subkeys and values by using a .reg file"; what it leaves open is read as Windows 10 reads it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from imgtools.engine.regvalue import RegistryType, RegistryValue
from imgtools.errors import UsageError, shorten

OLD_HEADER = "REGEDIT4"
HEADERS = (OLD_HEADER, "Windows Registry Editor Version 5.00")
TEXTS = (RegistryType.SZ, RegistryType.EXPAND_SZ, RegistryType.MULTI_SZ)

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_OPEN = re.compile(r'"(?:[^"\\]|\\.)*\Z', re.DOTALL)
# str: and str(n): are of hivexregedit and virt-win-reg.
_STRING = re.compile(r'(?:str(?:\(([0-9a-fA-F]{1,8})\))?:)?(?=")')
_HEX = re.compile(r"hex(?:\(([0-9a-fA-F]{1,8})\))?:")


class RegOrder(NamedTuple):
    """One order of a .reg file: of a key, or of one value of it."""

    key: str  # in full, as it stands there
    remove: bool = False
    value: RegistryValue | None = None  # that is set; to be removed: its name alone counts
    line: int = 0


def read_reg(content: bytes, name: str) -> Iterator[RegOrder]:
    """Yield the orders of a .reg file, in its order; a key comes before its values.

    :param name: the file's name, for messages.
    :raises UsageError: a line does not parse; the message names file, line and column, and shows the text.
    """
    return _Reader(*_decoded(content, name), name).orders()


def _decoded(content: bytes, name: str) -> tuple[str, bool]:
    """Return the text, and whether it is of Windows 95."""
    encoding, text = _encoding(content)
    try:
        return text.decode(
            encoding, "surrogatepass" if encoding != "cp1252" else "replace"
        ), encoding == "cp1252"
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{name}, line {line}: neither UTF-16 nor UTF-8", hint="save it as Unicode, as regedit does"
        ) from None


def _encoding(content: bytes) -> tuple[str, bytes]:
    """Return the encoding of a file, and the file without its mark."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if content.startswith(mark):
            return encoding, content[len(mark) :]
    content = content.removeprefix(codecs.BOM_UTF8)
    if content.lstrip().upper().startswith(OLD_HEADER.encode()):
        return "cp1252", content
    if b"\0" in content[:64]:
        return "utf-16-le" if content[1:2] == b"\0" else "utf-16-be", content
    return "utf-8", content


class _Reader:
    def __init__(self, text: str, is_old: bool, name: str) -> None:
        self._lines = re.split(r"\r\n|\r|\n", text)
        self._is_old, self._name = is_old, name
        self._at = 0  # the line that is read, from 0

    def orders(self) -> Iterator[RegOrder]:
        key = ""
        while self._at < len(self._lines):
            number, line = self._at + 1, self._lines[self._at].strip()
            if line.startswith("["):
                order = self._key(line, number)
                key = "" if order.remove else order.key
                yield order
            elif line and not line.startswith(";") and not (number == 1 and line in HEADERS):
                yield self._value(key, number)
            self._at += 1

    def _key(self, line: str, number: int) -> RegOrder:
        end = line.rfind("]")
        if end < 0 or (line[end + 1 :].strip() and not line[end + 1 :].lstrip().startswith(";")):
            raise self._wrong(number, len(line) + 1, "a key without its ]")
        name = line[1:end]  # spaces in it are part of a name
        removed = name.startswith("-")
        name = name[removed:].strip("\\")
        if not name:
            raise self._wrong(number, 2, "a key without a name")
        return RegOrder(name, removed, None, number)

    def _value(self, key: str, number: int) -> RegOrder:
        indent = len(self._lines[self._at]) - len(self._lines[self._at].lstrip())
        text = self._lines[self._at].strip()
        name, text, at = ("", text, 1) if text.startswith("@") else self._string(text, 0, number, indent)
        gap = re.compile(r"\s*=\s*").match(text, at)
        if gap is None:
            raise self._wrong(number, indent + at + 1, "no = behind the name of a value")
        if not key:
            raise self._wrong(number, 1, "a value that is in no key, or in one that is removed")
        rest = text[gap.end() :]
        column = indent + gap.end() + 1
        if rest.startswith("-"):
            self._nothing_behind(rest[1:], number, column + 1)
            return RegOrder(key, True, RegistryValue(name, 0, b""), number)
        return RegOrder(key, False, self._data(name, text, gap.end(), number, indent), number)

    def _string(self, text: str, at: int, number: int, indent: int) -> tuple[str, str, int]:
        """Read a quoted string, which may go on over lines; return it, the text so far, and where it ends in that."""
        if not text.startswith('"', at):
            raise self._wrong(number, indent + at + 1, 'neither a key, a comment, @ nor a name in ""')
        while (found := _QUOTED.match(text, at)) is None:
            if _OPEN.match(text, at) is None or self._at + 1 >= len(self._lines):
                raise self._wrong(number, indent + at + 1, 'a string without its "')
            self._at += 1
            text = f"{text}\r\n{self._lines[self._at]}"
        return re.sub(r"\\(.)", _unescaped, found[1], flags=re.DOTALL), text, found.end()

    def _data(self, name: str, text: str, at: int, number: int, indent: int) -> RegistryValue:
        rest = text[at:]
        if found := _STRING.match(rest):
            kind = RegistryType.SZ if not found[1] else int(found[1], 16)
            string, text, end = self._string(text, at + found.end(), number, indent)
            self._nothing_behind(text[end:], number, indent + end + 1)
            return RegistryValue(name, kind, (string + "\0").encode("utf-16-le", "surrogatepass"))
        if found := re.match(r"dword:\s*([0-9a-fA-F]{1,8})(?![0-9a-fA-F])", rest, re.IGNORECASE):
            self._nothing_behind(rest[found.end() :], number, indent + at + found.end() + 1)
            return RegistryValue(name, RegistryType.DWORD, int(found[1], 16).to_bytes(4, "little"))
        if found := _HEX.match(rest.lower()):
            kind = RegistryType.BINARY if found[1] is None else int(found[1], 16)
            data = self._bytes(rest[found.end() :], number, indent + at + found.end() + 1)
            if self._is_old and kind in TEXTS:
                data = data.decode("cp1252", "replace").encode("utf-16-le")
            return RegistryValue(name, kind, data)
        raise self._wrong(number, indent + at + 1, 'neither "text", dword:, hex: nor hex(n):')

    def _bytes(self, rest: str, number: int, column: int) -> bytes:
        r"""Read bytes in hexadecimal, which go on in the next line behind a \; between them may be comments."""
        found = bytearray()
        while True:
            line = rest.partition(";")[0].rstrip()
            goes_on = line.endswith("\\")
            for word in re.finditer(r"[^,\s]+", line.removesuffix("\\")):
                if not re.fullmatch(r"[0-9a-fA-F]{1,2}", word[0]):
                    raise self._wrong(number, column + word.start(), "not a byte in hexadecimal")
                found.append(int(word[0], 16))
            if not goes_on:
                return bytes(found)
            rest, number, column = self._next_line(number)

    def _next_line(self, number: int) -> tuple[str, int, int]:
        while self._at + 1 < len(self._lines):
            self._at += 1
            line = self._lines[self._at]
            if line.strip() and not line.lstrip().startswith(";"):
                return line, self._at + 1, 1
        raise self._wrong(
            number, len(self._lines[number - 1]) + 1, "bytes that go on behind the end of the file"
        )

    def _nothing_behind(self, rest: str, number: int, column: int) -> None:
        if rest.strip() and not rest.lstrip().startswith(";"):
            raise self._wrong(number, column, "something behind the value")

    def _wrong(self, line: int, column: int, what: str) -> UsageError:
        text = self._lines[line - 1].strip()
        return UsageError(f"{self._name}, line {line}, column {column}: {what}: {shorten(text)}")


def _unescaped(found: re.Match[str]) -> str:
    r"""\\ and \" are one letter; in front of anything else regedit leaves the backslash."""
    return found[1] if found[1] in '\\"' else found[0]
