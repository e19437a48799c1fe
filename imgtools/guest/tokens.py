"""Tokens of services in a guest's texts: what kind, and on which lines. The tokens themselves are never kept."""

from __future__ import annotations

from collections.abc import Iterator

MOST = 20  # that are told of one file


def tokens_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and kind of each token in a text, the first of each line."""
    from imgtools.engine.secrets import find_secrets  # half a second of imports, for the few who ask

    last = count = 0
    for line, kind in find_secrets(text):
        if line != last:
            yield line, kind
            count += 1
        if count == MOST:
            return
        last = line
