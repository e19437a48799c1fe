r"""Registry keys as .reg text that regedit imports ("Windows Registry Editor Version 5.00").

Every string is written as a string where that loses nothing; anything else byte by byte, so that an import gives
the very same value. Source: learn.microsoft.com, "How to add, modify, or delete registry ... by using a .reg file".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imgtools.engine.hive import HiveKey
from imgtools.engine.regvalue import RegistryType, RegistryValue
from imgtools.records.system import Warned

HEADER = "Windows Registry Editor Version 5.00"
WIDTH = 80  # columns, as regedit breaks lines of hexadecimal digits
MACHINE, USERS = "HKEY_LOCAL_MACHINE", "HKEY_USERS"


def reg_lines(
    keys: Iterable[tuple[HiveKey, tuple[RegistryValue, ...]]], prefix: str, warnings: list[Warned]
) -> Iterator[str]:
    """Yield the lines of a .reg file without their ends.

    A name with a line break in it cannot be written in this format: it is left out, with a warning.

    :param prefix: what the hive's root is called: ``HKEY_LOCAL_MACHINE\\SOFTWARE``.
    """
    yield HEADER
    for key, values in keys:
        name = rf"{prefix}\{key.path}" if key.path else prefix
        if _breaks(name):
            warnings.append(Warned(f"left out: .reg text cannot hold the name of the key {name!r}"))
            continue
        yield ""
        yield f"[{name}]"
        if key.class_name:  # which the format does not have: a remark, as regedit passes over it
            yield f"; class: {_one_line(key.class_name)}"
        for value in values:
            if _breaks(value.name):
                warnings.append(
                    Warned(f"left out: .reg text cannot hold the name of the value {value.name!r}", name)
                )
            else:
                yield from value_lines(value)
    yield ""


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _breaks(name: str) -> bool:
    return any(letter in name for letter in "\r\n\0")


def value_lines(value: RegistryValue) -> Iterator[str]:
    """Yield the line, or the lines, of one value."""
    name = f'"{_escape(value.name)}"=' if value.name else "@="
    text = value.text
    if value.type == RegistryType.SZ and text is not None and _is_plain(text, value.data):
        yield f'{name}"{_escape(text)}"'
    elif value.type == RegistryType.DWORD and value.number is not None:
        yield f"{name}dword:{value.number:08x}"
    else:
        kind = "hex:" if value.type == RegistryType.BINARY else f"hex({value.type:x}):"
        yield from _hex_lines(name + kind, value.data)


def _is_plain(text: str, data: bytes) -> bool:
    """Whether a string with its NUL is all that the value holds, and can stand between quotes."""
    if any(ord(letter) < 32 or letter == "\x7f" for letter in text):
        return False
    return (text + "\0").encode("utf-16-le", "surrogatepass") == data


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _hex_lines(start: str, data: bytes) -> Iterator[str]:
    r"""Bytes in hexadecimal, broken after a comma with ``\`` as regedit does."""
    line = start
    for index, byte in enumerate(data):
        word = f"{byte:02x}" + ("," if index < len(data) - 1 else "")
        if len(line) + len(word) > WIDTH - 3 and line not in (start, "  "):
            yield line + "\\"
            line = "  "
        line += word
    yield line


def hive_name(path: str) -> str:
    r"""What regedit calls the root of a hive, by the hive's file: ``HKEY_LOCAL_MACHINE\SOFTWARE``.

    A user's hive is named by its folder, as nobody knows the SID without the guest's list of profiles; one that was
    copied out of it is that of the current user.
    """
    folder, _, name = path.rpartition("/")
    match name.upper():
        case "NTUSER.DAT" if not folder:
            return "HKEY_CURRENT_USER"
        case "USRCLASS.DAT" if not folder:
            return r"HKEY_CURRENT_USER\Software\Classes"
        case "BCD":
            return rf"{MACHINE}\BCD00000000"
        case "DEFAULT":
            return rf"{USERS}\.DEFAULT"
        case "NTUSER.DAT":
            return rf"{USERS}\{folder.rpartition('/')[2]}"
        case "USRCLASS.DAT":
            home = folder.casefold().partition("/appdata/")[0].partition("/local settings/")[0]
            return rf"{USERS}\{folder[: len(home)].rpartition('/')[2]}_Classes"
        case upper:
            return rf"{MACHINE}\{upper}"
