"""Sizes, times and modes as people write them, and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from imgtools.errors import UsageError

LARGEST = (1 << 63) - 1  # bytes: files and disks are counted in 63 bits, by the kernel and by QEMU
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_HEXADECIMAL = re.compile(r"0[xX]([0-9a-fA-F]{1,16})", re.ASCII)
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGTPE]?)(?P<suffix>i?B?)", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the bytes that ``text`` names: ``512``, ``10K``, ``1.5G``, ``2TiB``, ``0x200``; units are powers of 1024.

    :raises UsageError: the text is not a size, or not a whole number of bytes.
    """
    if hexadecimal := _HEXADECIMAL.fullmatch(text.strip()):  # without units, as for QEMU
        return _not_too_large(int(hexadecimal[1], 16), text)
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"not a size: {text!r}", hint="write bytes or a unit: 512, 10K, 1.5G, 2T")
    factor: int = 1024 ** _POWERS[match["unit"].upper()]
    whole, _, fraction = match["number"].partition(".")
    total = int(whole) * factor
    if fraction:
        part, rest = divmod(int(fraction) * factor, 10 ** len(fraction))
        # 1.3G is not a whole number of bytes; people mean "about", but 0.3 (bytes) means nothing.
        if rest and factor == 1:
            raise UsageError(f"not a whole number of bytes: {text!r}", hint="write a unit: 0.5K, 1.5G")
        total += part
    return _not_too_large(total, text)


def _not_too_large(size: int, text: str) -> int:
    if size > LARGEST:
        raise UsageError(f"no size is so large: {text!r}", hint="the largest is 8E, less one byte")
    return size


def parse_change(text: str, old: int) -> int:
    """Return the bytes that ``20G``, ``+5G`` or ``-5G`` make of ``old``.

    :raises UsageError: the text is not a size, or nothing would be left.
    """
    sign = text.strip()[:1]
    if sign not in ("+", "-"):
        return parse_size(text)
    change = parse_size(text.strip()[1:])
    if sign == "-" and change >= old:
        raise UsageError(f"nothing would be left: {text} of {old} bytes")
    return old + change if sign == "+" else old - change


def parse_count(text: str) -> int | None:
    """Return the number that the ASCII digits of a guest's text name; None for any other text, or more than 18 digits.

    ``int`` refuses the digits that ``str.isdigit`` allows beside these, and more than 4,300 of any kind.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def format_size(size: int) -> str:
    """Write ``size`` bytes as ``ls -h`` does: rounded up, three digits at most (``1.5G``, ``12K``)."""
    if size < 0:
        return f"-{format_size(-size)}"
    unit_index, scaled = 0, float(size)
    while scaled >= 1024 and unit_index < 6:
        scaled /= 1024
        unit_index += 1
    if unit_index == 0:
        return str(size)
    # ls and df round up, so that a size never looks smaller than it is.
    tenths = -(-size * 10 // 1024**unit_index)
    if tenths < 100:
        return f"{tenths // 10}.{tenths % 10}{'KMGTPE'[unit_index - 1]}"
    whole = -(-size // 1024**unit_index)
    if whole >= 1024 and unit_index < 6:
        return f"1.0{'KMGTPE'[unit_index]}"
    return f"{whole}{'KMGTPE'[unit_index - 1]}"


def format_both(size: int) -> str:
    """Return a number of bytes for people, with the exact number behind it: ``1.0G (1073741824 bytes)``."""
    return f"{format_size(size)} ({size} bytes)"


def rounded_up(value: int, step: int) -> int:
    """Return the smallest multiple of ``step`` that is not less than ``value``."""
    return -(-value // step) * step


def parse_mode(text: str) -> int:
    """Return the permission bits that octal digits name: ``0644``, ``4755``.

    :raises UsageError: the text is not octal, or has more bits than a mode.
    """
    if not re.fullmatch(r"[0-7]{1,4}", text):
        raise UsageError(f"not a mode: {text!r}", hint="write octal digits, such as 0644")
    return int(text, 8)


def parse_time(text: str) -> int:
    """Return the nanoseconds since 1970 of a time in ISO 8601; without a zone it is UTC.

    :raises UsageError: the text is not a time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"not a time: {text!r}", hint="write it so: 2024-01-31T12:00:00Z") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


def format_time(nanoseconds: int) -> str:
    """Write nanoseconds since 1970 as RFC 3339 in UTC; a time no calendar holds becomes the number itself."""
    try:
        moment = datetime.fromtimestamp(nanoseconds // 10**9, UTC)
    except (ValueError, OverflowError, OSError):
        return str(nanoseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def format_mode(letter: str, mode: int) -> str:
    """Write a kind, by its letter, and permission bits as ``ls -l`` does: ``drwxr-sr-t``."""
    letters = [letter]
    for shift, special, letter in ((6, 0o4000, "s"), (3, 0o2000, "s"), (0, 0o1000, "t")):
        bits = mode >> shift
        letters += ["r" if bits & 4 else "-", "w" if bits & 2 else "-"]
        execute = bool(bits & 1)
        if mode & special:
            letters.append(letter if execute else letter.upper())
        else:
            letters.append("x" if execute else "-")
    return "".join(letters)
