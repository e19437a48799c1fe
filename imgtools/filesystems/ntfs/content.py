"""The content of a file of NTFS, through libfsntfs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgtools.errors import OddGuest
from imgtools.filesystems.stream import MappedFile, PlacedFile

if TYPE_CHECKING:
    import pyfsntfs


def first_words(error: Exception) -> str:
    """The last and most general part of libyal's chain of messages is the first."""
    return str(error).split(". lib")[0].strip()[:200]


class NtfsFile(PlacedFile):
    """The content of one file, compressed or sparse or plain, through libfsntfs."""

    def __init__(
        self,
        device: str,
        inode: int,
        entry: pyfsntfs.file_entry | pyfsntfs.data_stream,
        size: int,
        holes: MappedFile | None = None,
    ) -> None:
        super().__init__(size)
        self._holes = holes
        self._device = device
        self._inode = inode
        self._entry = entry

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes at ``offset``.

        :raises OddGuest: libfsntfs cannot read them.
        """
        try:
            return self._entry.read_buffer_at_offset(length, offset)
        except OSError as error:
            raise OddGuest(
                f"{self._device}: file {self._inode} cannot be read at {offset}: {first_words(error)}",
                hint="the filesystem is damaged, or the file is stored in a way that libfsntfs does not know",
            ) from None

    def find_next(self, offset: int, whence: int) -> int:
        """Return where the next data or hole is, as the blocks have it."""
        if self._holes is None:
            return super().find_next(offset, whence)
        return self._holes.find_next(offset, whence)
