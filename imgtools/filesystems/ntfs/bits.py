"""The bits of NTFS' bitmaps: one for each cluster and each record, 1 where it is in use."""

from __future__ import annotations

from typing import Protocol

from imgtools.filesystems.stream import PIECE


class ReadAt(Protocol):
    """Reads ``size`` bytes at ``offset``, both by position, as libyal does."""

    def __call__(self, size: int, offset: int, /) -> bytes: ...


def count_zeros(read_at: ReadAt, size: int) -> int:
    """The number of zero bits in ``size`` bytes."""
    zeros = 0
    for offset in range(0, size, PIECE):
        part = read_at(min(PIECE, size - offset), offset)
        zeros += len(part) * 8 - int.from_bytes(part, "little").bit_count()
    return zeros
