"""The times of a new NTFS volume: what a reproducible image must not take from the clock.

ntfs-3g has no word for what time it is. Each file has its times twice, and every folder has a third copy in its index.
Source: ntfs-3g, include/ntfs-3g/layout.h.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from imgtools.filesystems.ntfs.record import (
    DATA,
    END,
    INDEX_ALLOCATION,
    INDEX_ROOT,
    NAMES,
    SECTOR,
    apply_fixups,
    parse_record,
)

EPOCH = 116_444_736_000_000_000  # 1970 in units of 100 ns since 1601
STANDARD_INFORMATION, FILE_NAME = 0x10, 0x30
TIMES = 4  # made, content changed, record changed, read
RECORD_SIZE, INDEX_SIZE = 64, 68  # places of the boot sector that say how large records and blocks are
RECORD_USED = 24  # place in a record that says how many bytes of it are used
LAST_ENTRY = 2
ROOT_ENTRIES, BLOCK_ENTRIES = 16, 24  # where the header of the entries lies, in a root and in a block


def clamp_times(host_path: Path, moment: int) -> None:
    """Let nothing in a volume that was made just now be younger than ``moment``, in seconds since 1970."""
    with host_path.open("r+b") as stream:
        volume = _Volume(stream, moment * 10_000_000 + EPOCH)
        for place in volume.records():
            volume.clamp(place, volume.record_size)


class _Volume:
    def __init__(self, stream: BinaryIO, latest: int) -> None:
        self._file, self._latest = stream.fileno(), latest
        boot = os.pread(self._file, SECTOR, 0)
        sector, clusters = struct.unpack_from("<HB", boot, 11)
        self._cluster: int = sector * (clusters if clusters <= 128 else 1 << 256 - clusters)
        (self._table,) = struct.unpack_from("<Q", boot, 48)
        self.record_size = self._size_at(boot, RECORD_SIZE)
        self._index_size = self._size_at(boot, INDEX_SIZE)

    def _size_at(self, boot: bytes, place: int) -> int:
        each: int = struct.unpack_from("<b", boot, place)[0]
        return 1 << -each if each < 0 else each * self._cluster

    def records(self) -> Iterator[int]:
        """Yield where each record lies: those of the table, then those of the copy that its first ones have."""
        first = self._table * self._cluster
        for number in (0, 1):  # $MFT and $MFTMirr
            raw = os.pread(self._file, self.record_size, first + number * self.record_size)
            record = parse_record(raw)
            content = record.first(DATA) if record is not None else None
            if content is not None:
                yield from self._places(content.runs, self.record_size)

    def _places(self, runs: tuple[tuple[int | None, int], ...], size: int) -> Iterator[int]:
        for cluster, count in runs:
            if cluster is not None:
                begin = cluster * self._cluster
                yield from range(begin, begin + count * self._cluster - size + 1, size)

    def clamp(self, place: int, size: int) -> None:
        """Clamp the times in a record, or in a block of an index."""
        raw = os.pread(self._file, size, place)
        whole = apply_fixups(raw) if raw[:4] in (b"FILE", b"INDX") else None
        if whole is None:
            return
        new = bytearray(whole)
        if raw[:4] == b"INDX":
            self._entries(new, BLOCK_ENTRIES)
            used = BLOCK_ENTRIES + int.from_bytes(raw[BLOCK_ENTRIES + 4 : BLOCK_ENTRIES + 8], "little")
        else:
            self._attributes(new)
            used = int.from_bytes(raw[RECORD_USED : RECORD_USED + 4], "little")
            record = parse_record(raw)
            for one in record.attributes if record is not None else ():
                if one.type == INDEX_ALLOCATION and one.name == NAMES:
                    for block in self._places(one.runs, self._index_size):
                        self.clamp(block, self._index_size)
        new[used:] = bytes(max(0, len(new) - used))  # what was there before it was moved has times too
        if new != whole:
            os.pwrite(self._file, _with_fixups(raw, new), place)

    def _attributes(self, raw: bytearray) -> None:
        (at,) = struct.unpack_from("<H", raw, 20)
        while at + 24 <= len(raw):
            kind, length = struct.unpack_from("<II", raw, at)
            if kind == END or length < 24:
                return
            if raw[at + 8] == 0:  # resident
                (value,) = struct.unpack_from("<H", raw, at + 20)
                if kind == STANDARD_INFORMATION:
                    self._times(raw, at + value)
                elif kind == FILE_NAME:
                    self._times(raw, at + value + 8)
                elif kind == INDEX_ROOT and struct.unpack_from("<I", raw, at + value)[0] == FILE_NAME:
                    self._entries(raw, at + value + ROOT_ENTRIES)
            at += length

    def _entries(self, raw: bytearray, header: int) -> None:
        first, length = struct.unpack_from("<II", raw, header)
        at, end = header + first, header + length
        while at + 16 <= end:
            size, _key, flags = struct.unpack_from("<HHH", raw, at + 8)
            if flags & LAST_ENTRY or size < 16:
                return
            self._times(raw, at + 16 + 8)
            at += size

    def _times(self, raw: bytearray, at: int) -> None:
        found = struct.unpack_from(f"<{TIMES}Q", raw, at)
        struct.pack_into(f"<{TIMES}Q", raw, at, *(min(one, self._latest) for one in found))


def _with_fixups(raw: bytes, new: bytearray) -> bytes:
    """Put the marks of torn writes back, whose places ``raw`` tells."""
    at, count = struct.unpack_from("<HH", raw, 4)
    for index in range(1, count):
        end = index * SECTOR
        new[at + 2 * index : at + 2 * index + 2] = new[end - 2 : end]
        new[end - 2 : end] = raw[at : at + 2]
    return bytes(new)
