"""Disks of which only a little holds data: a fuzzer is given that little, and not the zeros between."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imgtools.volumes.volume_file import DiskFile

SECTOR = 512
FAR = 1 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """Where a stretch of data lies on the disk, and where in what the fuzzer has."""

    offset: int
    start: int
    length: int


class SparseDisk:
    """A served disk that is zeros with pieces of data; implements DiskServer."""

    socket = ""
    warning = ""

    def __init__(self, pieces: tuple[Piece, ...], content: bytes, size: int) -> None:
        self.size = size
        self._pieces, self._content = pieces, content

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        raw = bytearray(length)
        first = max(0, bisect_right(self._pieces, offset, key=lambda piece: piece.offset) - 1)
        for piece in self._pieces[first:]:
            if piece.offset >= offset + length:
                break
            begin, end = max(offset, piece.offset), min(offset + length, piece.offset + piece.length)
            if begin < end:
                part = self._content[piece.start + begin - piece.offset : piece.start + end - piece.offset]
                raw[begin - offset : begin - offset + len(part)] = part
        return bytes(raw)


@dataclass(frozen=True, slots=True)
class Sparse:
    """An image in which something stands: its data, and where it lies."""

    content: bytes
    pieces: tuple[Piece, ...]
    size: int

    def volume(self, content: bytes) -> DiskFile:
        """The volume with other data in the same places."""
        return DiskFile.whole(SparseDisk(self.pieces, content, self.size), "/dev/sda1")


def pack(image: bytes | Path) -> Sparse:
    """Find the sectors of an image that hold something."""
    raw = image if isinstance(image, bytes) else image.read_bytes()
    pieces: list[Piece] = []
    parts: list[bytes] = []
    start = 0
    for offset in _used(raw):
        sector = raw[offset : offset + SECTOR]
        last = pieces[-1] if pieces else None
        if last and last.offset + last.length == offset:
            pieces[-1] = Piece(last.offset, last.start, last.length + len(sector))
        else:
            pieces.append(Piece(offset, start, len(sector)))
        parts.append(sector)
        start += len(sector)
    return Sparse(b"".join(parts), tuple(pieces), len(raw))


def _used(raw: bytes) -> Iterator[int]:
    for far in range(0, len(raw), FAR):
        if raw.count(0, far, far + FAR) < min(FAR, len(raw) - far):
            for offset in range(far, min(far + FAR, len(raw)), SECTOR):
                if any(raw[offset : offset + SECTOR]):
                    yield offset
