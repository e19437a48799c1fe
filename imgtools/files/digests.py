"""Digests of many files, read in the order in which they lie on the disk.

Every question to the server of a disk costs a round trip, so small files that lie near each other are read with one.
What is read is hashed in threads (hashlib lets go of the interpreter's lock) while the next is read.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import BinaryIO, NamedTuple

from imgtools.errors import ImgtoolsError
from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.filesystems.stream import MappedFile
from imgtools.volumes.volume_file import DiskFile

SMALL = 1 << 20  # bytes; a larger file is read by itself
WINDOW = 4 << 20  # bytes read with one question at most
GAP = 128 << 10  # bytes between two files that are read along
CHUNK = 1 << 20  # bytes of a large file that are hashed at once
WAITING = 6  # windows that are hashed or wait for it, so that memory stays flat

Answer = str | ImgtoolsError  # the hexadecimal digest, or why there is none


class Wanted(NamedTuple):
    """A file, and hashlib's name of what is wanted of it."""

    path: str
    algorithm: str


class _Placed(NamedTuple):
    """A file that lies on a disk in one piece."""

    disk: DiskFile
    offset: int
    size: int
    number: int  # in what was wanted


class _Window(NamedTuple):
    """Files that are read with one question."""

    disk: DiskFile
    offset: int
    length: int
    members: Sequence[_Placed]


class Hasher:
    """Hashes files of a guest in its own threads, until the block ends."""

    def __init__(self, files: GuestReader) -> None:
        self._files = files
        self._pool = ThreadPoolExecutor(min(4, len(os.sched_getaffinity(0))), "hash")

    def __enter__(self) -> Hasher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def digests(self, wanted: Sequence[Wanted]) -> Iterator[tuple[int, Answer]]:
        """Yield the number in ``wanted`` and the answer of each file, in the order in which they are read.

        A last link is followed. A file that cannot be read is an answer, and the others are read.
        """
        placed: list[_Placed] = []
        alone: list[int] = []
        for index, one in enumerate(wanted):
            try:
                found = _placed(self._files.open(one.path), index)
            except DAMAGE as error:
                yield index, error
                continue
            if found is None:
                alone.append(index)
            else:
                placed.append(found)
        yield from self._of_windows(wanted, _windows(placed))
        for index in alone:
            yield index, self._of_one(wanted[index])

    def _of_windows(
        self, wanted: Sequence[Wanted], windows: Iterator[_Window]
    ) -> Iterator[tuple[int, Answer]]:
        waiting: deque[Future[list[tuple[int, Answer]]]] = deque()
        for window in windows:
            try:
                content = window.disk.read_exactly(window.offset, window.length)
            except DAMAGE:  # not of every file in it, perhaps
                yield from ((one.number, self._of_one(wanted[one.number])) for one in window.members)
                continue
            waiting.append(self._pool.submit(_hashed, window, content, wanted))
            if len(waiting) >= WAITING:
                yield from waiting.popleft().result()
        for future in waiting:
            yield from future.result()

    def _of_one(self, one: Wanted) -> Answer:
        """Hash a file by itself, a chunk while the next is read."""
        made = hashlib.new(one.algorithm, usedforsecurity=False)
        last: Future[None] | None = None
        try:
            with self._files.open(one.path) as stream:
                while chunk := stream.read(CHUNK):
                    if last is not None:
                        last.result()
                    last = self._pool.submit(made.update, chunk)
        except DAMAGE as error:
            return error
        finally:
            if last is not None:
                last.result()
        return made.hexdigest()


def _placed(stream: BinaryIO, index: int) -> _Placed | None:
    """Return where a small file lies; None for one that has to be read by itself."""
    with stream:
        raw = stream.raw if isinstance(stream, io.BufferedReader) else stream
        if not isinstance(raw, MappedFile):
            return None
        size = raw.seek(0, io.SEEK_END)
        place = raw.whole_place() if 0 < size <= SMALL else None
    return None if place is None else _Placed(place[0], place[1], size, index)


def _windows(placed: Sequence[_Placed]) -> Iterator[_Window]:
    """Yield what is read with one question each: files that lie near each other."""
    members: list[_Placed] = []
    end = 0
    for one in sorted(placed, key=lambda one: (id(one.disk), one.offset)):
        first = members[0] if members else one
        fits = one.disk is first.disk and one.offset - end <= GAP
        if members and not (fits and one.offset + one.size - first.offset <= WINDOW):
            yield _Window(first.disk, first.offset, end - first.offset, members)
            members, end = [], 0
        members.append(one)
        end = max(end, one.offset + one.size)
    if members:
        yield _Window(members[0].disk, members[0].offset, end - members[0].offset, members)


def _hashed(window: _Window, content: bytes, wanted: Sequence[Wanted]) -> list[tuple[int, Answer]]:
    view = memoryview(content)
    found: list[tuple[int, Answer]] = []
    for one in window.members:
        start = one.offset - window.offset
        piece = view[start : start + one.size]
        made = hashlib.new(wanted[one.number].algorithm, piece, usedforsecurity=False)
        found.append((one.number, made.hexdigest()))
    return found
