"""Files with holes as members of a tar archive: only their data is read and packed.

The format is GNU tar's 1.0 in PAX, which bsdtar reads too: the map of the data stands before it, as numbers on
lines, padded to a block (GNU tar's manual, "Storing Sparse Files").
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from typing import BinaryIO

from imgtools.filesystems.holes import data_parts
from imgtools.filesystems.tar_reader import BLOCK, MOST_PARTS


def as_sparse(
    member: tarfile.TarInfo, stream: BinaryIO, known: Sequence[tuple[int, int]] | None = None
) -> BinaryIO | SparseContent:
    """Return what to pack as the content of a file; one with holes makes a sparse member of ``member``.

    :param known: where its data begin and end; None: the host's filesystem is asked.
    """
    size = member.size
    parts: list[tuple[int, int]] = []
    for begin, end in data_parts(stream, size) if known is None else known:
        parts.append((begin, end))
        if len(parts) >= MOST_PARTS:  # more than our reader takes
            parts = [(0, size)]
            break
    stored = sum(end - begin for begin, end in parts)
    words = [len(parts) + 1]
    for begin, end in (*parts, (size, size)):  # the last pair says where the file ends
        words += [begin, end - begin]
    head = "".join(f"{word}\n" for word in words).encode()
    head += bytes(-len(head) % BLOCK)
    if len(head) + stored >= size:
        stream.seek(0)
        return stream
    member.pax_headers = {
        **member.pax_headers, "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": member.name,
        "GNU.sparse.realsize": str(size),
    }  # fmt: skip
    folder, slash, name = member.name.rpartition("/")
    member.name = f"{folder}{slash}GNUSparseFile.0/{name}"  # for those who do not know the format
    member.size = len(head) + stored
    return SparseContent(head, stream, parts)


class SparseContent(io.RawIOBase):
    """The map and the data behind it, read once."""

    def __init__(self, head: bytes, stream: BinaryIO, parts: Sequence[tuple[int, int]]) -> None:
        self._head = head
        self._stream = stream
        self._parts = list(reversed(parts))

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer at the end only."""
        wanted = (1 << 62) if size is None or size < 0 else size
        found = [self._head[:wanted]]
        self._head = self._head[wanted:]
        wanted -= len(found[0])
        while wanted and self._parts:
            begin, end = self._parts.pop()
            self._stream.seek(begin)
            piece = self._stream.read(min(wanted, end - begin))
            found.append(piece)
            wanted -= len(piece)
            if not piece:
                break
            if begin + len(piece) < end:
                self._parts.append((begin + len(piece), end))
        return b"".join(found)
