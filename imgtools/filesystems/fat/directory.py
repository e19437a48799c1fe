"""Directory entries of FAT with long names, as Linux' vfat shows them.

Sources: Microsoft, FAT: General Overview of On-Disk Format (2000); fs/fat/dir.c and fs/fat/misc.c of Linux.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

ENTRY = 32
READ_ONLY, LABEL, DIRECTORY = 0x01, 0x08, 0x10
LONG_NAME = 0x0F
LOWER_BASE, LOWER_EXTENSION = 0x08, 0x10  # in the byte that Windows NT added
DOTS = (b".".ljust(11), b"..".ljust(11))
CODE_PAGE = "cp437"  # what Linux and mtools take short names for
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or directory. ``at`` is where its short entry lies; times in nanoseconds."""

    name: str
    at: int
    attributes: int
    cluster: int
    size: int
    mtime: int
    atime: int
    crtime: int = 0  # 0: not stored

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return bool(self.attributes & DIRECTORY)


def parse_directory(raw: bytes, place: Callable[[int], int] = int) -> Iterator[Entry]:
    """Yield the entries of a directory, without ``.``, ``..`` and the volume label.

    :param place: makes an entry's ``at`` of its offset in ``raw``.
    """
    parts: list[bytes] = []  # of a long name, its last part first, as they are stored
    checksum = -1
    for at in range(0, len(raw) - ENTRY + 1, ENTRY):
        entry = raw[at : at + ENTRY]
        if entry[0] == 0:
            return
        attributes = entry[11]
        if entry[0] == 0xE5:
            parts = []
        elif attributes & 0x3F == LONG_NAME:
            order = entry[0]
            if order & 0x40:
                parts, checksum, expected = [], entry[13], order & 0x3F
            if parts or order & 0x40:
                if (order & 0x3F) != expected or entry[13] != checksum:
                    parts = []
                    continue
                expected -= 1
                parts.append(entry[1:11] + entry[14:26] + entry[28:32])
        else:
            if not attributes & LABEL and entry[:11] not in DOTS:
                whole = bool(parts) and expected == 0 and checksum == short_checksum(entry[:11])
                name = long_name(parts) if whole else ""
                yield parse_entry(entry, place(at), name or short_name(entry))
            parts = []


def parse_entry(entry: bytes, at: int, name: str) -> Entry:
    """Read one short entry."""
    high, mtime, mdate, low, size = struct.unpack_from("<HHHHI", entry, 20)
    hundredths, ctime, cdate, adate = struct.unpack_from("<BHHH", entry, 13)
    crtime = parse_time(cdate, ctime) + hundredths * 10_000_000 if cdate else 0
    written, read = parse_time(mdate, mtime), parse_time(adate, 0)
    return Entry(name, at, entry[11], high << 16 | low, size, written, read, crtime)


def long_name(parts: list[bytes]) -> str:
    """A long name from its parts: UTF-16, ended by zero and filled up with ones."""
    raw = b"".join(reversed(parts))
    units = struct.unpack(f"<{len(raw) // 2}H", raw)
    end = units.index(0) if 0 in units else len(units)
    return raw[: end * 2].decode("utf-16-le", "replace").replace("/", "?")


def short_name(entry: bytes) -> str:
    """An 8.3 name. The first byte 0xE5 is stored as 5; Windows NT notes that a part is in lower case."""
    base, extension = bytearray(entry[:8]), entry[8:11]
    if base[0] == 5:
        base[0] = 0xE5
    name, suffix = base.decode(CODE_PAGE).rstrip(" "), extension.decode(CODE_PAGE).rstrip(" ")
    name = name.lower() if entry[12] & LOWER_BASE else name
    suffix = suffix.lower() if entry[12] & LOWER_EXTENSION else suffix
    return (f"{name}.{suffix}" if suffix else name).replace("/", "?").replace("\0", "?")


def short_checksum(name: bytes) -> int:
    """The checksum by which the parts of a long name know their short entry."""
    total = 0
    for byte in name:
        total = ((total & 1) << 7) + (total >> 1) + byte & 0xFF
    return total


def parse_time(day: int, time: int) -> int:
    """Nanoseconds since 1970 from a date and a time of two seconds' resolution, which are taken for UTC."""
    month = min(max(1, day >> 5 & 15), 12)
    when = date(1980 + (day >> 9), month, 1) + timedelta(days=max(1, day & 31) - 1)
    seconds = (time >> 11) * 3600 + (time >> 5 & 63) * 60 + (time & 31) * 2
    return ((when - EPOCH).days * 86400 + seconds) * 1_000_000_000
