"""What two images that have a backing file in common can differ in: the blocks above it, and nothing else.

Of an overlay and its backing file, of two overlays of one template, QEMU knows which blocks are read from the file
that both have below them. Volumes and files that lie in these blocks alone are the same, and are not read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import BinaryIO

from imgtools.engine.qemu.img.mapping import Extent, map_extents
from imgtools.engine.qemu.nodes import chain_node
from imgtools.filesystems.stream import MappedFile
from imgtools.image.differences import Side
from imgtools.image.handle import Image
from imgtools.records.disks import Mount
from imgtools.records.image import ImageInfo, Layer
from imgtools.records.request import Engine
from imgtools.volumes.volume_file import Extent as Placed

Ranges = tuple[tuple[int, int], ...]  # start, end; sorted, apart from each other


class SharedBlocks:
    """What is known of two images: where on each disk they may differ."""

    def __init__(self, old: Side, new: Side, ranges: Sequence[Ranges]) -> None:
        self._sides = (old, new)
        self._ranges = tuple(ranges)
        self._starts = [[start for start, _ in one] for one in self._ranges]
        self._numbers = [{id(server): n for n, server in enumerate(side.servers)} for side in self._sides]

    def is_same_content(self, old: BinaryIO, new: BinaryIO) -> bool:
        """Whether two files lie in the same blocks, none of which differs. False: nobody can tell without reading."""
        one, other = (getattr(stream, "raw", stream) for stream in (old, new))
        if not isinstance(one, MappedFile) or not isinstance(other, MappedFile):
            return False
        for here, there in zip_longest(one.places(), other.places()):
            if here is None or there is None or here[0] != there[0]:
                return False
            (number, start, length), place = self._placed(here[1], 0), self._placed(there[1], 1)
            if number is None or (number, start, length) != place or self._differs(number, start, length):
                return False
        return True

    def is_same_volume(self, old: Mount, new: Mount) -> bool:
        """Whether two mounts show the same directory of one volume of which no block differs."""
        if (old.path, old.options, old.inner) != (new.path, new.options, new.inner):
            return False
        if old.volume != new.volume:
            return False
        files = [side.session.volume_file(old.volume.device) for side in self._sides]
        if files[0] is None or files[1] is None or len(files[0].extents) != len(files[1].extents):
            return False
        for one, other in zip(files[0].extents, files[1].extents, strict=True):
            (number, start, length), place = self._placed(one, 0), self._placed(other, 1)
            if number is None or (number, start, length) != place or self._differs(number, start, length):
                return False
        return True

    def _placed(self, extent: Placed, side: int) -> tuple[int | None, int, int]:
        """The number of a disk and a place on it; no number where it is within something that was decrypted."""
        server, start, length = extent
        return self._numbers[side].get(id(server)), start, length

    def _differs(self, number: int, start: int, length: int) -> bool:
        """Whether a part of a disk has a block that may differ."""
        ranges = self._ranges[number]
        before = bisect_right(self._starts[number], start) - 1
        if before >= 0 and ranges[before][1] > start:
            return True
        return before + 1 < len(ranges) and ranges[before + 1][0] < start + length


def shared_blocks(old: Image, new: Image) -> SharedBlocks | None:
    """Return what two open images have in common; None where they have no backing file in common.

    :raises EngineFailed: qemu-img cannot tell what an image holds.
    """
    if Engine.DIRECT not in (old.served_by, new.served_by) or old.served_by is not new.served_by:
        return None
    if len(old.infos) != len(new.infos):
        return None
    ranges = []
    for one, other in zip(old.infos, new.infos, strict=True):
        common = _common_layers(one, other)
        if not common:
            return None
        ranges.append(tuple(_merged(differing(one, other, common))))
    return SharedBlocks(Side.of(old), Side.of(new), ranges)


def _common_layers(one: ImageInfo, other: ImageInfo) -> int:
    """How many files at the bottom of two chains are the same; 0 where an internal snapshot or a key is in the way."""
    chains = (one.chain, other.chain)
    if one.source.snapshot or other.source.snapshot or any(layer.encryption for c in chains for layer in c):
        return 0
    count = 0
    for here, there in zip(reversed(one.chain), reversed(other.chain), strict=False):
        if not _is_same_file(here, there):
            break
        count += 1
    return count


def _is_same_file(one: Layer, other: Layer) -> bool:
    if one.format != other.format:
        return False
    try:
        return one.host_path.samefile(other.host_path)
    except OSError:
        return False


def differing(one: ImageInfo, other: ImageInfo, common: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of two disks that may differ, in order.

    :param common: how many files at the bottom of their chains are the same.
    """
    tops = [len(info.chain) - common for info in (one, other)]
    extents = [map_extents(chain_node(info.chain)) for info in (one, other)]
    here, there = next(extents[0], None), next(extents[1], None)
    at = 0
    while here is not None and there is not None:
        end = min(here.start + here.length, there.start + there.length)
        if not (_is_below(here, tops[0]) and _is_below(there, tops[1])) and not (
            _is_nothing(here) and _is_nothing(there)
        ):
            yield at, end
        at = end
        here = here if here.start + here.length > end else next(extents[0], None)
        there = there if there.start + there.length > end else next(extents[1], None)
    longest = max(one.virtual_size, other.virtual_size)
    if at < longest:
        yield at, longest


def _is_below(extent: Extent, top: int) -> bool:
    """Whether an extent is read from a file that both chains have."""
    return extent.present and extent.depth >= top


def _is_nothing(extent: Extent) -> bool:
    """Whether an extent reads as zeros, as far as its map tells."""
    return (extent.zero and not extent.data) or not extent.present


def _merged(ranges: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield ranges with those that follow each other as one."""
    known: tuple[int, int] | None = None
    for start, end in ranges:
        if known is not None and known[1] == start:
            known = known[0], end
            continue
        if known is not None:
            yield known
        known = start, end
    if known is not None:
        yield known
