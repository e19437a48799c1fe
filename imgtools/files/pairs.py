"""The files of two trees side by side, however many there are: two walks, of which only the next file is held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from imgtools.records.files import FileStat
from imgtools.records.found import FoundFile


class PairedFile(NamedTuple):
    """A path, and what each of the two trees has there; None: nothing."""

    path: str
    old: FileStat | None
    new: FileStat | None


def paired(old: Iterable[FoundFile], new: Iterable[FoundFile]) -> Iterator[PairedFile]:
    """Yield every path of two walks once, in their order: a directory, then what is below it, by name."""
    olds, news = iter(old), iter(new)
    one, other = next(olds, None), next(news, None)
    while one is not None or other is not None:
        if one is not None and other is not None and one.path == other.path:
            yield PairedFile(one.path, one.stat, other.stat)
            one, other = next(olds, None), next(news, None)
        elif other is None or (one is not None and _place(one.path) < _place(other.path)):
            assert one is not None
            yield PairedFile(one.path, one.stat, None)
            one = next(olds, None)
        else:
            yield PairedFile(other.path, None, other.stat)
            other = next(news, None)


def _place(path: str) -> list[str]:
    """What orders paths as a walk does: name by name, not letter by letter (``a/b`` comes before ``a.b``)."""
    return path.rstrip("/").split("/")
