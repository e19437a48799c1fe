"""Records of the NTFS master file table, as far as libfsntfs does not show them.

Source: ntfs-3g, include/ntfs-3g/layout.h. All is little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

ATTRIBUTE_LIST, BITMAP, INDEX_ALLOCATION, REPARSE_POINT, END = 0x20, 0xB0, 0xA0, 0xC0, 0xFFFFFFFF
VOLUME_INFORMATION = 0x70
SECTOR = 512  # of the fix-ups, whatever the disk has


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a record: ``value`` if it is resident, else where it lies."""

    type: int
    value: bytes | None
    size: int
    allocated: int
    runs: tuple[tuple[int | None, int], ...]  # first cluster (None: a hole) and number of clusters


@dataclass(frozen=True, slots=True)
class Record:
    """One record."""

    links: int
    attributes: tuple[Attribute, ...]

    def first(self, kind: int) -> Attribute | None:
        """The first attribute of a type."""
        return next((attribute for attribute in self.attributes if attribute.type == kind), None)


def parse_record(raw: bytes) -> Record | None:
    """Read one record; None if it is none, or is torn (its fix-ups do not fit)."""
    whole = apply_fixups(raw)
    if whole is None or whole[:4] != b"FILE" or len(whole) < 48:
        return None
    (links, first) = struct.unpack_from("<HH", whole, 18)
    try:
        return Record(links, tuple(_attributes(whole, first)))
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
        if raw[at + 8] == 0:
            size, offset = struct.unpack_from("<IH", raw, at + 16)
            if offset + size <= length:
                yield Attribute(kind, raw[at + offset : at + offset + size], size, size, ())
        else:
            runs_at = struct.unpack_from("<H", raw, at + 32)[0]
            allocated, size = struct.unpack_from("<QQ", raw, at + 40)
            yield Attribute(kind, None, size, allocated, tuple(parse_runs(raw[at + runs_at : at + length])))
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
