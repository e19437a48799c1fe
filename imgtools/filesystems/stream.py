"""A file of the guest as a stream: blocks found one stretch at a time, holes read as zeros.

Nothing is mapped before it is read, so the first bytes of a file of 100 GB cost as much as those of a small one.
"""

from __future__ import annotations

import errno
import io
import os
from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imgtools.errors import OddGuest
from imgtools.volumes.volume_file import DiskFile, Extent

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE = 8 << 20  # bytes read at once at most, so that memory stays flat
BUFFER = 128 << 10


class BlockMap(Protocol):
    """Where the blocks of one file lie."""

    def find(self, block: int) -> tuple[int | None, int]:
        """Return where ``block`` lies on the volume (None: a hole), and how many blocks follow it the same way.

        The count is at least 1. Blocks are counted in the filesystem's block size.
        """


class NoBlocks:
    """The map of a file that is all hole."""

    def find(self, block: int) -> tuple[int | None, int]:
        return None, 1 << 62


class Shifted:
    """The map of what begins at block ``start`` of another one."""

    def __init__(self, whole: BlockMap, start: int) -> None:
        self._whole = whole
        self._start = start

    def find(self, block: int) -> tuple[int | None, int]:
        return self._whole.find(self._start + block)


class PlacedFile(io.RawIOBase):
    """A file of ``size`` bytes that is read wherever one likes; whoever reads it says how (:meth:`read_at`)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._position = 0

    @abstractmethod
    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes at ``offset``, both within the file; ``length`` is at least 1."""

    def find_next(self, offset: int, whence: int) -> int:
        """Return where the next data (SEEK_DATA) or the next hole (SEEK_HOLE) is.

        :raises io.UnsupportedOperation: no holes are known.
        :raises OSError: ENXIO: what is looked for begins behind the end.
        """
        raise io.UnsupportedOperation("no holes are known")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._size - self._position, PIECE)
        content = self.read_at(self._position, wanted) if wanted > 0 else b""
        view[: len(content)] = content
        self._position += len(content)
        return len(content)

    def readall(self) -> bytes:
        # The inherited one reads 8 KiB at a time.
        return b"".join(iter(lambda: self.read(PIECE) or b"", b""))

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As lseek(2), with its SEEK_DATA and SEEK_HOLE.

        :raises io.UnsupportedOperation: no holes are known.
        :raises OSError: ENXIO: what is looked for begins behind the end.
        """
        if whence in (os.SEEK_DATA, os.SEEK_HOLE):
            self._position = self.find_next(offset, whence)
            return self._position
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position


class Stretch(NamedTuple):
    """A part of a file: where it lies on the disk, in bytes (None: a hole), and how long it is."""

    disk: DiskFile
    offset: int | None
    length: int


class MappedFile(PlacedFile):
    """The content of a file whose blocks ``blocks`` finds on ``disk``."""

    def __init__(self, disk: DiskFile, blocks: BlockMap, block_size: int, size: int) -> None:
        super().__init__(size)
        self._disk = disk
        self._blocks = blocks
        self._block_size = block_size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes at ``offset``: one stretch, never nothing before the end."""
        length = min(length, self._size - offset, PIECE)
        if length <= 0:
            return b""
        number, inner = divmod(offset, self._block_size)
        place, count = self._blocks.find(number)
        length = min(length, count * self._block_size - inner)
        if place is None:
            return bytes(length)
        return self._disk.read_exactly(place * self._block_size + inner, length)

    def stretches(self, most: int) -> list[Stretch] | None:
        """Return where the content lies, from its begin to its end; None if that is in more than ``most`` stretches."""
        found: list[Stretch] = []
        offset = 0
        while offset < self._size:
            if len(found) == most:
                return None
            place, count = self._blocks.find(offset // self._block_size)
            length = min(count * self._block_size, self._size - offset)
            found.append(Stretch(self._disk, None if place is None else place * self._block_size, length))
            offset += length
        return found

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view):
            piece = self.read_at(self._position, len(view) - filled)
            if not piece:
                break
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._position += len(piece)
        return filled

    def find_next(self, offset: int, whence: int) -> int:
        """Return the first byte from ``offset`` on that is in a hole, or is in none; the end counts as a hole."""
        is_hole = whence == os.SEEK_HOLE
        if not 0 <= offset < self._size:
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        while offset < self._size:
            number = offset // self._block_size
            place, count = self._blocks.find(number)
            if (place is None) is is_hole:
                return offset
            offset = (number + count) * self._block_size
        if is_hole:
            return self._size
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))

    def places(self) -> Iterator[tuple[int, Extent]]:
        """Yield where on the disks each stretch of the file lies that is no hole, with its offset in the file."""
        offset = 0
        while offset < self._size:
            place, count = self._blocks.find(offset // self._block_size)
            length = min(count * self._block_size, self._size - offset)
            if place is not None:
                inner = offset
                for extent in self._disk.stretches(place * self._block_size, length):
                    yield inner, extent
                    inner += extent.length
            offset += length


def read_mapped(disk: DiskFile, blocks: BlockMap, block_size: int, size: int, limit: int, what: str) -> bytes:
    """Return the whole content of something that is small in a healthy filesystem, and whole: a directory, a link.

    :raises OddGuest: it is larger than ``limit``, or has a hole.
    """
    if size > limit:
        raise OddGuest(
            f"{disk.name}: {what} has {size} bytes, more than the {limit} that make sense",
            hint="the filesystem is damaged",
        )
    stream, parts, offset = MappedFile(disk, blocks, block_size, size), [], 0
    while offset < size:
        if blocks.find(offset // block_size)[0] is None:
            raise OddGuest(
                f"{disk.name}: {what} has a hole at byte {offset}", hint="the filesystem is damaged"
            )
        part = stream.read_at(offset, size - offset)
        parts.append(part)
        offset += len(part)
    return b"".join(parts)


def buffered(stream: io.RawIOBase) -> io.BufferedReader:
    """The stream that a reader hands out."""
    return io.BufferedReader(stream, BUFFER)
