"""The store of a thick snapshot of LVM: which chunks of the origin were kept, and where.

Source: drivers/md/dm-snap-persistent.c of Linux 6.1: a header, then areas of one chunk with the places of the chunks
behind each.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from imgtools.volumes.computed_disk import Piece
from imgtools.volumes.volume_file import DiskFile

MAGIC = 0x70416E53  # "SnAp"
VERSION = 1
ENTRY = 16  # bytes: the chunk of the origin, the chunk of the store
LARGEST_CHUNK = 16 << 20
ORIGIN, STORE = 0, 1


class BadStore(Exception):
    """The store is not one that is read here, or is no longer valid."""


class SnapshotMapping:
    """Chunks that were kept are in the store, all others still in the origin."""

    def __init__(self, size: int, chunk: int, kept: dict[int, int]) -> None:
        self.size = size
        self._chunk = chunk
        self._kept = kept

    def find(self, offset: int) -> Piece:
        number, inner = divmod(offset, self._chunk)
        length = min(self._chunk - inner, self.size - offset)
        place = self._kept.get(number)
        if place is None:
            return Piece(ORIGIN, offset, length)
        return Piece(STORE, place * self._chunk + inner, length)


def open_snapshot(sources: Sequence[DiskFile], *, chunk: int) -> SnapshotMapping:
    """Read a store.

    :param sources: the origin and the store.
    :param chunk: bytes, as LVM has it.
    :raises BadStore: it is full, so no longer valid, or is none.
    """
    origin, store = sources
    magic, valid, version, sectors = struct.unpack("<4I", store.read_at(0, 16).ljust(16, b"\0"))
    if not magic:  # a new one: the kernel writes its header when it is first used
        return SnapshotMapping(origin.size, chunk, {})
    if magic != MAGIC or version != VERSION:
        raise BadStore("it has no header that is known here")
    if not valid:
        raise BadStore("it is no longer valid, because it had no room for what changed")
    if sectors * 512 != chunk or not 512 <= chunk <= LARGEST_CHUNK or chunk & chunk - 1:
        raise BadStore(f"its chunks have {sectors * 512} bytes, and LVM says {chunk}")
    return SnapshotMapping(origin.size, chunk, _kept(store, chunk))


def _kept(store: DiskFile, chunk: int) -> dict[int, int]:
    """The chunks that were kept; the list ends with an entry of nothing (read_exceptions)."""
    kept: dict[int, int] = {}
    each, chunks = chunk // ENTRY, store.size // chunk
    for area in range(1, chunks, each + 1):
        raw = store.read_at(area * chunk, chunk)
        for old, new in struct.iter_unpack("<QQ", raw[: len(raw) // ENTRY * ENTRY]):
            if not new:
                return kept
            if new >= chunks:
                raise BadStore(f"it names its chunk {new}, and has only {chunks}")
            kept[old] = new
    return kept
