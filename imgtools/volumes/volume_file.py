"""A volume as a seekable file: one or several stretches of served disks, with a small cache.

Readers of filesystems ask for little pieces in the same places again and again, and every question to the
server costs 0.06 ms whether it asks for 4 KiB or 32 KiB. So small reads go through blocks of 32 KiB, of which
the last 512 are kept (16 MiB, whatever the size of the disk); large reads go straight to the server. Who asks for a
block a little behind the last one that was read is walking, through small files or a table: then the next ones come
with it. On a real guest that is half as many questions for a tenth more bytes.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imgtools.errors import BadImage

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 32 << 10
BLOCKS_KEPT = 512
AHEAD = 4  # blocks at once, where the last one is near
NEAR = 8


class DiskServer(Protocol):
    """A disk of the image, exported read-only over NBD on a unix socket by qemu-nbd."""

    @property
    def socket(self) -> str:
        """The path of the unix socket."""

    @property
    def size(self) -> int:
        """The virtual size in bytes."""

    @property
    def warning(self) -> str:
        """What a user should know of how the disk was opened (it is in use); empty as a rule."""

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset``; fewer only at the end of the disk."""


class Extent(NamedTuple):
    """A stretch of a served disk, in bytes."""

    server: DiskServer
    offset: int
    length: int


class DiskFile(io.RawIOBase):
    """A read-only, seekable file over ``extents`` laid end to end; what libyal calls a file object.

    ``name`` is the device, for error messages. Closing it leaves the server open.
    """

    def __init__(self, extents: Sequence[Extent], name: str = "") -> None:
        super().__init__()
        self.name = name
        self.extents = tuple(extents)
        self._starts: list[int] = []
        size = 0
        for extent in self.extents:
            self._starts.append(size)
            size += extent.length
        self.size = size
        self._position = 0
        self._blocks: dict[int, bytes] = {}
        self._last_block = -NEAR

    @classmethod
    def whole(cls, server: DiskServer, name: str = "") -> DiskFile:
        """The whole of a disk."""
        return cls([Extent(server, 0, server.size)], name)

    def part(self, offset: int, size: int, name: str = "") -> DiskFile:
        """A part of this file as a file of its own, cut where this one ends."""
        return DiskFile(self.stretches(offset, size), name)

    def stretches(self, offset: int, length: int) -> list[Extent]:
        """The stretches of disks that hold ``length`` bytes at ``offset``, as far as this file goes."""
        found = []
        end = min(offset + length, self.size)
        while offset < end:
            index = bisect_right(self._starts, offset) - 1
            extent, inner = self.extents[index], offset - self._starts[index]
            piece = min(end - offset, extent.length - inner)
            found.append(Extent(extent.server, extent.offset + inner, piece))
            offset += piece
        return found

    # -- reading in place ----------------------------------------------------------------------------------

    def read_at(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset``; fewer only at the end of the volume."""
        inner = offset % BLOCK
        if inner + length <= BLOCK:
            return self._block(offset // BLOCK)[inner : inner + length]
        if length > BLOCK:
            return self._read_through(offset, length)
        first = self._block(offset // BLOCK)[inner:]
        return first + self._block(offset // BLOCK + 1)[: length - len(first)]

    def read_exactly(self, offset: int, length: int) -> bytes:
        """As :meth:`read_at`, but never less than ``length``.

        :raises BadImage: the volume ends before.
        """
        return self._whole(self.read_at(offset, length), offset, length)

    def read_past_cache(self, offset: int, length: int) -> bytes:
        """As :meth:`read_exactly`, without the cache: several threads may ask at once."""
        return self._whole(self._read_through(offset, length), offset, length)

    def _whole(self, content: bytes, offset: int, length: int) -> bytes:
        if len(content) < length:
            raise BadImage(
                f"{self.name}: the filesystem names byte {offset + length} and the volume has only {self.size}",
                hint="the image is truncated or the filesystem is damaged",
            )
        return content

    def _block(self, number: int) -> bytes:
        block = self._blocks.get(number)
        if block is None:
            ahead = AHEAD if 0 < number - self._last_block <= NEAR else 1
            block = self._read_blocks(number, ahead)
        return block

    def _read_blocks(self, number: int, count: int) -> bytes:
        """Read blocks into the cache; return the first of them, which alone has to be readable."""
        try:
            content = self._read_through(number * BLOCK, count * BLOCK)
        except BadImage:
            if count == 1:
                raise
            count, content = 1, self._read_through(number * BLOCK, BLOCK)
        self._last_block = number + count - 1
        while self._blocks and len(self._blocks) + count > BLOCKS_KEPT:
            del self._blocks[next(iter(self._blocks))]
        pieces = [content[at : at + BLOCK] for at in range(0, count * BLOCK, BLOCK)]
        self._blocks.update(enumerate(pieces, number))
        return pieces[0]

    def _read_through(self, offset: int, length: int) -> bytes:
        pieces = [
            extent.server.read(extent.offset, extent.length) for extent in self.stretches(offset, length)
        ]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # -- the file object -----------------------------------------------------------------------------------

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        left = max(0, self.size - self._position)
        content = self.read_at(self._position, left if size < 0 else min(size, left))
        self._position += len(content)
        return content

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        return self.read()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def get_size(self) -> int:
        """Return the size in bytes; libyal asks for it under this name."""
        return self.size
