"""What an INF file sets in the registry: "INF AddReg Directive" (learn.microsoft.com)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from imgtools.change.change import RegistryMakeKey, RegistrySet
from imgtools.errors import shorten
from imgtools.guest.windows.inf import Entry, Inf

# The flags (FLG_ADDREG_... of setupapi.h), and those of them that say the type of the value.
DELETE, ONLY_KEY = 0x4, 0x10
TYPE_MASK = 0xFFFF0001
DWORD, MULTI_SZ = 0x10001, 0x10000
TEXTS = {0: "REG_SZ", 0x20000: "REG_EXPAND_SZ"}
BINARIES = {1: "REG_BINARY", 0x20001: "REG_NONE", 0xB0001: "REG_QWORD"}

Setting = RegistrySet | RegistryMakeKey  # without hive, its key below one that is known where it is written


def read_settings(inf: Inf, section: str) -> Iterator[Setting]:
    """Yield what the AddReg directives of a section set below the section's own key (HKR); no other root is taken.

    :raises HostError: a value does not fit its type.
    """
    for directive in inf.all(section, "AddReg"):
        for name in directive.values:
            for entry in inf.entries(name):
                if entry.value(0).upper() == "HKR" and (one := _setting(inf, entry)) is not None:
                    yield one


def _setting(inf: Inf, entry: Entry) -> Setting | None:
    key, name, data = entry.value(1).strip("\\"), entry.value(2), entry.values[4:]
    flags = read_number(inf, entry.line, entry.value(3) or "0")
    if flags & ONLY_KEY:
        return RegistryMakeKey("", key)
    if flags & DELETE:
        return None
    kind = flags & TYPE_MASK
    if kind == DWORD:
        number = read_number(inf, entry.line, data[0] if data else "0")
        return RegistrySet("", key, name, "REG_DWORD", number=number & 0xFFFFFFFF)
    if kind == MULTI_SZ:
        return RegistrySet("", key, name, "REG_MULTI_SZ", texts=tuple(one for one in data if one))
    if kind in TEXTS:
        return RegistrySet("", key, name, TEXTS[kind], text=",".join(data))
    if kind in BINARIES:
        return RegistrySet("", key, name, BINARIES[kind], data=_bytes(inf, entry.line, data))
    raise inf.wrong(entry.line, f"a value of an unknown type: {shorten(entry.value(3))}")


def _bytes(inf: Inf, line: int, values: Sequence[str]) -> bytes:
    try:
        return bytes(int(one, 16) for one in values if one)
    except ValueError:
        raise inf.wrong(line, "not bytes in hexadecimal") from None


def read_number(inf: Inf, line: int, text: str) -> int:
    """Return a number as INF files write it: decimal, or hexadecimal behind ``0x``.

    :raises HostError: it is none.
    """
    if not re.fullmatch(r"-?(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})", text):
        raise inf.wrong(line, f"not a number: {shorten(text)!r}")
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    return sign * int(digits, 16 if digits[:2].lower() == "0x" else 10)
