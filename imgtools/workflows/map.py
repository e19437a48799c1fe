"""Where the bytes of a disk lie: data, zeros, holes, and in which file of the chain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from imgtools.disk.image_file import Disk, Extent, open_disk
from imgtools.disk.sources.opening import opened_disk
from imgtools.records.request import ImageRequest
from imgtools.records.system import Warned
from imgtools.units import parse_size


@dataclass(frozen=True, slots=True)
class MapLayer:
    """One file of the chain; extents name it by its depth."""

    depth: int
    host_path: Path | str  # as the user knows it, where it is no file by itself
    format: str

    @property
    def name(self) -> str:
        """Its name alone, without its folder."""
        return str(self.host_path).rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class MapHead:
    """What is known before the first extent."""

    image: str
    virtual_size: int
    layers: tuple[MapLayer, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class MapReport:
    """Where the bytes of a disk lie, or of the part that was asked about."""

    image: str
    virtual_size: int
    layers: tuple[MapLayer, ...]
    extents: tuple[Extent, ...]
    warnings: tuple[Warned, ...] = ()


class DiskMap:
    """A map that is read while it is shown: a disk can have millions of extents.

    :param start: byte of the disk to begin with.
    :param length: bytes to look at; None: to the end.
    """

    def __init__(self, disk: Disk, start: int, length: int | None) -> None:
        self._disk = disk
        self._start = start
        self._length = length
        layers = enumerate(disk.info.chain)
        self.head = MapHead(
            image=disk.name,
            virtual_size=disk.info.virtual_size,
            layers=tuple(MapLayer(depth, layer.shown_path, layer.format) for depth, layer in layers),
            warnings=disk.warnings,
        )

    @property
    def window(self) -> tuple[int, int]:
        """The first byte that is looked at, and the one after the last."""
        size = self.head.virtual_size
        return min(self._start, size), size if self._length is None else min(self._start + self._length, size)

    def extents(self) -> Iterator[Extent]:
        """Yield the extents in order."""
        return self._disk.extents(start=self._start, length=self._length)

    def report(self) -> MapReport:
        """Return all of it at once."""
        head = self.head
        return MapReport(head.image, head.virtual_size, head.layers, tuple(self.extents()), head.warnings)

    def stream(self) -> AbstractContextManager[Iterator[bytes]]:
        """Yield them as one JSON list, in pieces, in the words of ``qemu-img map --output=json``."""
        return self._disk.map_stream(start=self._start, length=self._length)


@contextmanager
def map_disk(request: ImageRequest, *, start: str = "", length: str = "") -> Iterator[DiskMap]:
    """Open an image for its map, as long as the block lasts.

    :param start: where to begin, as people write sizes.
    """
    first, most = parse_size(start or "0"), parse_size(length) if length else None
    with opened_disk(request) as source:
        yield DiskMap(open_disk(source), first, most)
