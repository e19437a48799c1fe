"""Read what a console showed, from a file of the host or from standard input."""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path
from typing import BinaryIO

from imgtools.errors import HostError

LIMIT = 16 << 20  # bytes from the end that are kept: a verbose boot has some 200 kB
PIECE = 1 << 20


def read_captured(path: Path) -> str:
    """Return the text of a captured console; of a long one its end.

    :param path: ``-`` is standard input.
    :raises HostError: there is no such file, or it cannot be read.
    """
    if str(path) == "-":
        return _end(sys.stdin.buffer)
    try:
        if path.exists() and not path.is_file():
            raise HostError(f"not a file: {path}", hint="--from-serial takes what a console showed, as text")
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - LIMIT))
            return _end(stream)
    except FileNotFoundError:
        raise HostError(
            f"no such file: {path}", hint="--from-serial takes what a console showed, as text"
        ) from None
    except OSError as error:
        raise HostError(f"cannot read {path}: {error.strerror}") from None


def _end(stream: BinaryIO) -> str:
    pieces: deque[bytes] = deque()
    size = 0
    while piece := stream.read(PIECE):
        pieces.append(piece)
        size += len(piece)
        while size - len(pieces[0]) >= LIMIT:
            size -= len(pieces.popleft())
    return b"".join(pieces).decode("utf-8", "replace")
