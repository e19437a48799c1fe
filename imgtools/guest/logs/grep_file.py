"""Lines of one file of a guest that a pattern is found in, whether the file is packed, in UTF-16, or binary."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import cast

from imgtools.engine.unpack import ENDINGS, unpack_forwards
from imgtools.files.line_search import LOOKED_AT, LineHit, LineSearch, is_binary
from imgtools.files.tree import GuestReader

IN_BINARY = LineHit(0, "")  # somewhere in a binary file


def grep_file(
    files: GuestReader,
    path: str,
    search: LineSearch,
    refused: Callable[[str, str], None],
    *,
    as_text: bool = False,
) -> Iterator[LineHit]:
    """Yield the lines of a file that are found; of a binary file :data:`IN_BINARY`, unless it is read ``as_text``.

    :param refused: is told, with the path, why the end of a packed file is missing.
    :raises ToolMissing: what unpacks it is not installed.
    """
    ending = next((one for one in ENDINGS if path.endswith(one)), "")
    with files.open(path) as source, unpack_forwards(source, ending) as (stream, unpacked):
        if as_text or not is_binary(cast(io.BufferedReader, stream).peek(LOOKED_AT)):
            yield from search.hits(stream)
        elif search.is_in(stream):
            yield IN_BINARY
    if unpacked.problem:
        refused(path, unpacked.problem)
