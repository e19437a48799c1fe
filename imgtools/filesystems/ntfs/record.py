"""Records of the NTFS master file table, as far as libfsntfs does not show them.

Source: ntfs-3g, include/ntfs-3g/layout.h. All is little-endian.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ATTRIBUTE_LIST, BITMAP, INDEX_ALLOCATION, REPARSE_POINT, END = 0x20, 0xB0, 0xA0, 0xC0, 0xFFFFFFFF
VOLUME_INFORMATION = 0x70
INDEX_ROOT, DATA = 0x90, 0x80
NAMES = "$I30"  # the index of a directory
COMPRESSED = 0xFF  # ATTR_COMPRESSION_MASK
IN_USE = 1  # MFT_RECORD_IN_USE
SECTOR = 512  # of the fix-ups, whatever the disk has


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a record: ``value`` if it is resident, else where it lies."""

    type: int
    value: bytes | None
    size: int
    allocated: int
    runs: tuple[tuple[int | None, int], ...]  # first cluster (None: a hole) and number of clusters
    name: str = ""
    first_cluster: int = 0  # where in the whole this piece begins, if it lies in several records
    flags: int = 0  # compressed, encrypted, sparse


@dataclass(frozen=True, slots=True)
class Record:
    """One record."""

    links: int
    attributes: tuple[Attribute, ...]
    sequence: int = 0
    in_use: bool = True

    def first(self, kind: int, name: str | None = None) -> Attribute | None:
        """The first attribute of a type, and of a name, if one is given."""
        return next((one for one in self.attributes if one.type == kind and name in (None, one.name)), None)


def parse_record(raw: bytes) -> Record | None:
    """Read one record; None if it is none, or is torn (its fix-ups do not fit)."""
    whole = apply_fixups(raw)
    if whole is None or whole[:4] != b"FILE" or len(whole) < 48:
        return None
    (sequence, links, first, flags) = struct.unpack_from("<HHHH", whole, 16)
    try:
        return Record(links, tuple(_attributes(whole, first)), sequence, bool(flags & IN_USE))
    except (struct.error, ValueError):
        return None


def apply_fixups(raw: bytes) -> bytes | None:
    """Put back the last two bytes of every sector, which were replaced to notice torn writes."""
    if len(raw) < 8:
        return None
    at, count = struct.unpack_from("<HH", raw, 4)
    if not count or at + 2 * count > len(raw) or (count - 1) * SECTOR > len(raw):
        return None
    whole = bytearray(raw)
    check = raw[at : at + 2]
    for index in range(1, count):
        end = index * SECTOR
        if whole[end - 2 : end] != check:
            return None
        whole[end - 2 : end] = raw[at + 2 * index : at + 2 * index + 2]
    return bytes(whole)


def _attributes(raw: bytes, at: int) -> Iterator[Attribute]:
    while at + 24 <= len(raw):
        kind, length = struct.unpack_from("<II", raw, at)
        if kind == END or length < 24 or at + length > len(raw):
            return
        letters, name_at, flags = struct.unpack_from("<BHH", raw, at + 9)
        name = raw[at + name_at : at + name_at + letters * 2].decode("utf-16-le", "replace")
        if raw[at + 8] == 0:
            size, offset = struct.unpack_from("<IH", raw, at + 16)
            if offset + size <= length:
                yield Attribute(kind, raw[at + offset : at + offset + size], size, size, (), name, 0, flags)
        else:
            runs_at = struct.unpack_from("<H", raw, at + 32)[0]
            (first,) = struct.unpack_from("<Q", raw, at + 16)
            allocated, size = struct.unpack_from("<QQ", raw, at + 40)
            runs = tuple(parse_runs(raw[at + runs_at : at + length]))
            yield Attribute(kind, None, size, allocated, runs, name, first, flags)
        at += length


def parse_runs(raw: bytes) -> Iterator[tuple[int | None, int]]:
    """Yield the runs of a mapping pairs array: first cluster (None: a hole) and number of clusters.

    :raises ValueError: it is cut, or leads below the start of the volume.
    """
    at, cluster = 0, 0
    while at < len(raw) and raw[at]:
        length_size, offset_size = raw[at] & 15, raw[at] >> 4
        end = at + 1 + length_size + offset_size
        if end > len(raw) or not length_size:
            raise ValueError("cut mapping pairs")
        count = int.from_bytes(raw[at + 1 : at + 1 + length_size], "little")
        if offset_size:
            cluster += int.from_bytes(raw[at + 1 + length_size : end], "little", signed=True)
            if cluster < 0:
                raise ValueError("negative cluster")
        yield (cluster if offset_size else None), count
        at = end


class RunMap:
    """The clusters of an attribute; implements :class:`imgtools.filesystems.stream.BlockMap`."""

    def __init__(self, runs: Iterable[tuple[int | None, int]]) -> None:
        self._starts: list[int] = []
        self._runs: list[tuple[int | None, int]] = []
        self._end = 0
        for run in runs:
            if run[1]:
                self._starts.append(self._end)
                self._runs.append(run)
                self._end += run[1]

    def find(self, block: int) -> tuple[int | None, int]:
        if block >= self._end:
            return None, 1 << 62
        index = bisect_right(self._starts, block) - 1
        place, count = self._runs[index]
        inner = block - self._starts[index]
        return None if place is None else place + inner, count - inner


def listed_records(value: bytes, kind: int) -> Iterator[int]:
    """The records that an attribute list names for attributes of a type."""
    at = 0
    while at + 26 <= len(value):
        found, length = struct.unpack_from("<IH", value, at)
        if length < 26:
            return
        if found == kind:
            yield int.from_bytes(value[at + 16 : at + 22], "little")
        at += length


def log_is_clean(raw: bytes) -> bool:
    """Whether ``$LogFile``, of which ``raw`` is the beginning, was closed (ntfs_is_logfile_clean of ntfs-3g)."""
    pages = []
    for start in (0, 4096):
        page = raw[start : start + 4096]
        if page[:4] in (b"RSTR", b"CHKD") and len(page) == 4096:
            (area,) = struct.unpack_from("<H", page, 24)
            if area + 16 <= 510:
                sequence, _clients, _free, in_use, flags = struct.unpack_from("<QHHHH", page, area)
                pages.append((sequence, in_use, flags))
    if not pages:
        # Never used: filled with ones. Anything else is not a log that we know.
        return raw.count(0xFF) == len(raw)
    _sequence, in_use, flags = max(pages)
    return in_use == 0xFFFF or bool(flags & 2)  # LOGFILE_NO_CLIENT, RESTART_VOLUME_IS_CLEAN
