"""How far a source is unpacked, shown to who waits: whoever talks to people says how, whoever unpacks need not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from imgtools.records.progress import Progress

Shower = Callable[[str], AbstractContextManager[Progress]]
_SHOWER: ContextVar[Shower | None] = ContextVar("shower", default=None)


@contextmanager
def showing(shower: Shower) -> Iterator[None]:
    """Within this, long work on a source is shown by ``shower``, which gets its title."""
    token = _SHOWER.set(shower)
    try:
        yield
    finally:
        _SHOWER.reset(token)


@contextmanager
def shown(title: str) -> Iterator[Progress | None]:
    """Yield what is told how far it is; None: nobody is shown anything."""
    shower = _SHOWER.get()
    if shower is None:
        yield None
        return
    with shower(title) as progress:
        yield progress
