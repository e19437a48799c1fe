"""Directory records of ISO 9660, with Rock Ridge (IEEE P1282) in their system use areas (SUSP, P1281).

Names, dates and modes are made as fs/isofs of Linux makes them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

SECTOR = 2048
DIRECTORY, ASSOCIATED, MORE_EXTENTS = 0x02, 0x04, 0x80
MOST_CONTINUATIONS = 32  # as RR_MAX_CE_ENTRIES of Linux

ReadArea = Callable[[int, int], bytes]  # sector-relative: byte offset, length


class BadRecord(Exception):
    """The record does not hold together."""


@dataclass(frozen=True, slots=True)
class Record:
    """One directory record."""

    length: int
    extent: int  # sectors
    size: int
    time: int  # nanoseconds since 1970
    flags: int
    name: bytes
    system_use: bytes


@dataclass(frozen=True, slots=True)
class RockRidge:
    """What Rock Ridge says of one file; None and empty: nothing."""

    name: bytes = b""
    mode: int | None = None
    links: int = 1
    uid: int = 0
    gid: int = 0
    device: tuple[int, int] = (0, 0)
    target: bytes = b""
    mtime: int | None = None
    atime: int | None = None
    ctime: int | None = None
    child: int = 0  # sector of a directory that was moved elsewhere
    relocated: bool = False  # where it was moved to; not to be shown
    compressed: bool = False


def parse_record(raw: bytes) -> Record:
    """Read one record from bytes that begin with it.

    :raises BadRecord: it is shorter than what it holds.
    """
    length = raw[0] if raw else 0
    if length < 34 or length > len(raw) or 33 + raw[32] > length:
        raise BadRecord(f"a record of {length} bytes")
    (extent,) = struct.unpack_from("<I", raw, 2)
    (size,) = struct.unpack_from("<I", raw, 10)
    name_length = raw[32]
    area = 33 + name_length + (1 - name_length % 2)
    time = parse_short_date(raw[18:25])
    return Record(length, extent + raw[1], size, time, raw[25], raw[33 : 33 + name_length], raw[area:length])


def parse_directory(raw: bytes) -> Iterator[tuple[int, Record]]:
    """Yield the records of a directory with their offsets, ``.`` and ``..`` first. None crosses a sector."""
    at = 0
    while at < len(raw):
        if raw[at] == 0:
            at += SECTOR - at % SECTOR
            continue
        record = parse_record(raw[at : at - at % SECTOR + SECTOR])
        yield at, record
        at += record.length


def parse_short_date(raw: bytes) -> int:
    """Seven bytes: years since 1900, month, day, hour, minute, second, quarters of an hour east of Greenwich."""
    year, month, day, hour, minute, second, zone = struct.unpack("BBBBBBb", raw)
    return _nanoseconds(1900 + year, month, day, hour, minute, second, zone)


def parse_long_date(raw: bytes) -> int:
    """Seventeen bytes: the same as digits, with hundredths of a second."""
    try:
        year, month, day, hour, minute, second = (
            int(raw[a:b]) for a, b in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
        )
    except ValueError:
        return 0
    return _nanoseconds(year, month, day, hour, minute, second, struct.unpack("b", raw[16:17])[0])


def _nanoseconds(year: int, month: int, day: int, hour: int, minute: int, second: int, zone: int) -> int:
    try:
        east = timezone(timedelta(minutes=15 * zone)) if -52 <= zone <= 52 else UTC
        when = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=east)
    except ValueError:
        return 0
    return int(when.timestamp()) * 1_000_000_000


# -- names ------------------------------------------------------------------------------------------------


def plain_name(name: bytes) -> bytes:
    """A name without extensions as Linux shows it (isofs_name_translate, map=n): ``README.TXT;1`` -> ``readme.txt``."""
    if name.endswith(b".;1"):
        name = name[:-3]
    elif name.endswith(b";1"):
        name = name[:-2]
    return name.lower().replace(b";", b".").replace(b"/", b".")


def joliet_name(name: bytes) -> str:
    """A Joliet name: UTF-16, without version and dots at the end (get_joliet_filename)."""
    text = name.decode("utf-16-be", "replace").removesuffix(";1")
    return text.rstrip(".").replace("/", "?") or text


# -- Rock Ridge -------------------------------------------------------------------------------------------


def susp_skip(system_use: bytes) -> int | None:
    """How many bytes to skip in every area, from the root's first record; None: the disc has no Rock Ridge."""
    # The area of a CD-ROM XA disc begins with 14 bytes of its own (as Linux, which looks there too).
    for start in (0, 14):
        if system_use[start : start + 2] == b"SP" and system_use[start + 4 : start + 6] == b"\xbe\xef":
            if start:
                return start
            return system_use[6] if len(system_use) > 6 else None
    return None


def susp_entries(system_use: bytes, read_area: ReadArea) -> Iterator[bytes]:
    """Yield the entries of an area and of its continuations."""
    continuation: tuple[int, int] | None = None
    for _ in range(MOST_CONTINUATIONS):
        at = 0
        while at + 4 <= len(system_use):
            length = system_use[at + 2]
            entry = system_use[at : at + length]
            if length < 4 or len(entry) < length or entry[:2] == b"ST":
                break
            if entry[:2] == b"CE" and length >= 28:
                sector, offset, size = struct.unpack("<I4xI4xI4x", entry[4:28])
                continuation = (sector * SECTOR + offset, size)
            else:
                yield entry
            at += length
        if continuation is None:
            return
        system_use = read_area(*continuation)
        continuation = None


def parse_rock_ridge(system_use: bytes, read_area: ReadArea) -> RockRidge:
    """Read everything that Rock Ridge says of one record."""
    facts: dict[str, object] = {}
    name, links = b"", _Link()
    for entry in susp_entries(system_use, read_area):
        kind = entry[:2]
        if kind == b"NM" and len(entry) >= 5 and not entry[4] & 6:
            name += entry[5:]
        elif kind == b"SL":
            links.add(entry)
        else:
            facts.update(_facts(kind, entry))
    return RockRidge(name=name, target=links.target, **facts)  # type: ignore[arg-type]  # names are the fields'


def _facts(kind: bytes, entry: bytes) -> dict[str, object]:
    """The fields of :class:`RockRidge` that one entry fills."""
    if kind == b"PX" and len(entry) >= 36:
        mode, links, uid, gid = struct.unpack("<I4xI4xI4xI4x", entry[4:36])
        return {"mode": mode, "links": links, "uid": uid, "gid": gid}
    if kind == b"PN" and len(entry) >= 20:
        high, low = struct.unpack("<I4xI4x", entry[4:20])
        # Some writers put both numbers into the low word (rock.c).
        packed = not high and low & ~0xFF
        return {"device": (low >> 8 & 0xFFF, low & 0xFF) if packed else (high, low)}
    if kind == b"TF" and len(entry) >= 5:
        return dict(_times(entry))
    if kind == b"CL" and len(entry) >= 8:
        return {"child": int.from_bytes(entry[4:8], "little")}
    if kind == b"RE":
        return {"relocated": True}
    return {"compressed": True} if kind == b"ZF" else {}


def _times(entry: bytes) -> Iterator[tuple[str, int]]:
    """The times in a TF entry, in the order of its flags; a creation time serves as ctime until a better comes."""
    size = 17 if entry[4] & 0x80 else 7
    at = 5
    for flag, field in ((1, "ctime"), (2, "mtime"), (4, "atime"), (8, "ctime")):
        if entry[4] & flag and at + size <= len(entry):
            raw = entry[at : at + size]
            yield field, parse_long_date(raw) if size == 17 else parse_short_date(raw)
            at += size


class _Link:
    """The target of a symbolic link, put together from components that may be spread over several entries."""

    def __init__(self) -> None:
        self.target = b""
        self._joined = True  # no slash before the next component

    def add(self, entry: bytes) -> None:
        """Add the components of one SL entry."""
        at = 5
        while at + 2 <= len(entry):
            flags, length = entry[at], entry[at + 1]
            if not self._joined:
                self.target += b"/"
            root = bool(flags & 8)
            special = b"." if flags & 2 else b".." if flags & 4 else b"/" if root else b""
            self.target += special or entry[at + 2 : at + 2 + length]
            self._joined = root or bool(flags & 1)
            at += 2 + length
