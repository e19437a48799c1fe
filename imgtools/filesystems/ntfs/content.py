"""The content of a file of NTFS, through libfsntfs."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from imgtools.errors import OddGuest
from imgtools.filesystems.stream import PIECE, MappedFile

if TYPE_CHECKING:
    import pyfsntfs
    from _typeshed import WriteableBuffer


def first_words(error: Exception) -> str:
    """The last and most general part of libyal's chain of messages is the first."""
    return str(error).split(". lib")[0].strip()[:200]


class NtfsFile(io.RawIOBase):
    """The content of one file, compressed or sparse or plain, through libfsntfs."""

    def __init__(
        self,
        device: str,
        inode: int,
        entry: pyfsntfs.file_entry | pyfsntfs.data_stream,
        size: int,
        holes: MappedFile | None = None,
    ) -> None:
        super().__init__()
        self._holes = holes
        self._device = device
        self._inode = inode
        self._entry = entry
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._size - self._position, PIECE)
        if wanted <= 0:
            return 0
        try:
            content = self._entry.read_buffer_at_offset(wanted, self._position)
        except OSError as error:
            raise OddGuest(
                f"{self._device}: file {self._inode} cannot be read at {self._position}: {first_words(error)}",
                hint="the filesystem is damaged, or the file is stored in a way that libfsntfs does not know",
            ) from None
        view[: len(content)] = content
        self._position += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if self._holes is not None and whence in (os.SEEK_DATA, os.SEEK_HOLE):
            self._position = self._holes.seek(offset, whence)
            return self._position
        if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
            raise io.UnsupportedOperation("no holes are known")
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position
