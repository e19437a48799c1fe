"""What a remote image is read from: one protocol each, all of them asked in the same way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, NamedTuple, Protocol, TypeVar

from imgtools.records.remote import RemoteFacts

PIECE = 4 << 20  # bytes of the image that are asked for at a time, at most
MOST_CONNECTIONS = 16


class Stretch(NamedTuple):
    """So many bytes, and NBD's flags of base:allocation for them: 1 a hole, 2 reads as zeros."""

    length: int
    flags: int


class Origin(Protocol):
    """An image on a server; several threads may read at once."""

    @property
    def facts(self) -> RemoteFacts:
        """What the server has said of it."""

    @property
    def retries(self) -> int:
        """How often a request took another try."""

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes.

        :raises ImgtoolsError: the server does not give them; the image was changed.
        """

    def stretches(self, offset: int, length: int) -> Sequence[Stretch]:
        """Return what is stored in a part; nothing if the server cannot tell."""

    def check(self) -> None:
        """Make sure that the image is the one that was opened.

        :raises RemoteChanged: it is not.
        """


T = TypeVar("T")


class Pool(Generic[T]):
    """Connections that wait for the next thread which needs one.

    :param most: how many there may be at once; a thread that needs one more waits.
    """

    def __init__(
        self, make: Callable[[], T], close: Callable[[T], None], most: int = MOST_CONNECTIONS
    ) -> None:
        self._make, self._close = make, close
        self._room = threading.Semaphore(most)
        self._idle: queue.LifoQueue[T] = queue.LifoQueue()

    @contextmanager
    def one(self) -> Iterator[T]:
        """Yield a connection: one that waits, else a new one. What fails is closed, and used by nobody else."""
        with self._room:
            try:
                found = self._idle.get_nowait()
            except queue.Empty:
                found = self._make()
            is_whole = False
            try:
                yield found
                is_whole = True
            finally:
                if is_whole:
                    self._idle.put(found)
                else:
                    self._close(found)

    def put(self, one: T) -> None:
        """Add a connection that was made elsewhere."""
        self._idle.put(one)

    def drop(self) -> None:
        """Close those that wait."""
        while True:
            try:
                self._close(self._idle.get_nowait())
            except queue.Empty:
                return
