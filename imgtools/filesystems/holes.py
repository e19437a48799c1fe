"""Content with holes on its way: what is a hole at one end stays one at the other.

A stream tells its holes as lseek(2) does, by ``seek`` with SEEK_DATA and SEEK_HOLE. Content that is written may have
``skip_hole``: it passes over a hole that begins where the content is read, and returns its length.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import BinaryIO


def data_parts(stream: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each stretch of a stream that is no hole; all of it, if the stream cannot tell.

    The stream is found at another place after each step.
    """
    end = 0
    while end < size:
        try:
            begin = stream.seek(end, os.SEEK_DATA)
        except (OSError, ValueError, LookupError) as error:
            # ENXIO: nothing but hole is left. Any other: a stream that does not know what is asked.
            if not (isinstance(error, OSError) and error.errno == errno.ENXIO):
                yield end, size
            return
        end = min(size, stream.seek(begin, os.SEEK_HOLE))
        if begin < end:
            yield begin, end


def pieces(content: BinaryIO, length: int) -> Iterator[bytes | int]:
    """Yield content in pieces of at most ``length`` bytes, and in the place of a hole its length."""
    skip = getattr(content, "skip_hole", None)
    while True:
        if skip is not None and (hole := skip()):
            yield hole
        elif piece := content.read(length):
            yield piece
        else:
            return
