"""A disk whose bytes lie in pieces of others by a rule: striped, mirrored, thin. Nothing is listed beforehand.

A volume of millions of chunks would be millions of extents. So what lies where is asked piece by piece, and the pieces
of one read that lie near each other in the same place are read at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from imgtools.errors import BadImage
from imgtools.volumes.volume_file import DiskFile

ZEROS = -1  # the source of what is stored nowhere
NEAR = (
    128 << 10
)  # bytes that are read for nothing rather than asking twice: a stripe's parity between two chunks
SLICE = 8 << 20  # bytes of one read that are put together at once


class Piece(NamedTuple):
    """Where a byte lies, and how many behind it lie there too: ``offset`` bytes into one of the sources."""

    source: int
    offset: int
    length: int


class Mapping(Protocol):
    """The rule by which a disk lies in its sources."""

    @property
    def size(self) -> int:
        """The size of the disk in bytes."""

    def find(self, offset: int) -> Piece:
        """Return where byte ``offset`` lies, for 0 <= ``offset`` < size; the piece is never empty.

        :raises BadImage: what says where it lies is damaged.
        """


class ComputedDisk:
    """Implements :class:`imgtools.volumes.volume_file.DiskServer` over other volumes, but serves nobody else.

    :param sources: what it lies in.
    :param rule: makes the mapping; called again with the same sources opened elsewhere.
    """

    socket = ""
    warning = ""

    def __init__(self, sources: Sequence[DiskFile], rule: Callable[[Sequence[DiskFile]], Mapping]) -> None:
        self.sources = tuple(sources)
        self.rule = rule
        self._mapping = rule(self.sources)
        self.size = self._mapping.size

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset``; fewer only at the end of the disk.

        :raises BadImage: a source ends before, or what says where the bytes lie is damaged.
        """
        end = min(self.size, offset + length)
        parts = [self._slice(start, min(SLICE, end - start)) for start in range(offset, end, SLICE)]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _slice(self, offset: int, length: int) -> bytes:
        piece = self._mapping.find(offset)
        if piece.length >= length:
            return (
                bytes(length) if piece.source == ZEROS else self._source(piece.source, piece.offset, length)
            )
        content = bytearray(length)
        for source, places in self._by_source(offset, length).items():
            for run in _runs(places):
                start = run[0][0]
                raw = self._source(source, start, run[-1][0] + run[-1][1] - start)
                for place, size, target in run:
                    content[target : target + size] = raw[place - start : place - start + size]
        return bytes(content)

    def _by_source(self, offset: int, length: int) -> dict[int, list[tuple[int, int, int]]]:
        """The pieces of a stretch by their sources: place, length, and where in the stretch they go."""
        found: dict[int, list[tuple[int, int, int]]] = {}
        done = 0
        while done < length:
            piece = self._mapping.find(offset + done)
            size = min(piece.length, length - done)
            if size <= 0:
                raise BadImage("a volume is put together of pieces without a length")
            if piece.source != ZEROS:
                found.setdefault(piece.source, []).append((piece.offset, size, done))
            done += size
        return found

    def _source(self, source: int, offset: int, length: int) -> bytes:
        return self.sources[source].read_past_cache(offset, length)


def _runs(places: list[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    """Pieces of one source in their order there, those together that lie near each other."""
    places.sort()
    run = [places[0]]
    for place in places[1:]:
        if place[0] - (run[-1][0] + run[-1][1]) <= NEAR and place[0] + place[1] - run[0][0] <= 2 * SLICE:
            run.append(place)
        else:
            yield run
            run = [place]
    yield run


def computed(
    sources: Sequence[DiskFile], rule: Callable[[Sequence[DiskFile]], Mapping], name: str
) -> DiskFile:
    """A volume that lies in others by a rule, as a file."""
    return DiskFile.whole(ComputedDisk(sources, rule), name)
