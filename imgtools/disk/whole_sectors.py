"""A stretch of a disk that is no whole sectors, which QEMU neither reads nor writes: put together in a file first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from imgtools.disk.image_file import Conversion, Disk, Node, convert_node, create_image, part_of, plain_node
from imgtools.disk.new_file import scratch_folder

SECTOR = 512
CHUNK = 1 << 20


class Piece(NamedTuple):
    """What is to be written: whole sectors of a node, and the byte of the target from which on."""

    node: Node
    place: int
    length: int


def ceiling(size: int) -> int:
    """Return a size in whole sectors."""
    return -(-size // SECTOR) * SECTOR


@contextmanager
def whole_sectors(
    disk: Disk, start: int, place: int, length: int, *, target: Disk | None, beside: Path
) -> Iterator[Piece]:
    """Yield ``length`` bytes of a disk from ``start`` on as whole sectors for ``place``.

    :param target: what the rest of the first and the last sector is taken from; None: zeros.
    :param beside: a file in whose folder the sectors are put together, if they have to be.
    """
    with disk.reading("source") as source:
        if not any(one % SECTOR for one in (start, place, length)):
            yield Piece(part_of(source, start, length), place, length)
            return
        first, size = place // SECTOR * SECTOR, ceiling(place + length) - place // SECTOR * SECTOR
        with scratch_folder(beside.absolute().parent) as folder:
            put_together = folder / "sectors"
            if target is None:
                create_image(put_together, "raw", size)
            else:
                with target.reading("target") as node:
                    _copy(node, first, size, put_together)
            read = folder / "read"
            begin = start // SECTOR * SECTOR
            _copy(source, begin, ceiling(start + length) - begin, read)
            _insert(read, start - begin, length, put_together, place - first)
            read.unlink()
            yield Piece(plain_node(put_together, "raw"), first, size)


def _copy(node: Node, start: int, size: int, target: Path) -> None:
    create_image(target, "raw", size)
    convert_node(part_of(node, start, size), plain_node(target, "raw"), Conversion("raw"))


def _insert(source: Path, start: int, length: int, target: Path, place: int) -> None:
    """Copy bytes from one file into another; where both hold zeros, holes stay."""
    with source.open("rb") as reader, target.open("r+b") as writer:
        reader.seek(start)
        while length > 0 and (piece := reader.read(min(CHUNK, length))):
            writer.seek(place)
            if piece != writer.read(len(piece)):
                writer.seek(place)
                writer.write(piece)
            place += len(piece)
            length -= len(piece)
