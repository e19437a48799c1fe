"""Digests of many files, read in the order in which they lie on the disk.

Every question to the server of a disk costs a round trip, so small files that lie near each other are read with one.
Threads read and hash, both of which let go of the interpreter's lock, while the caller goes on to the next files.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import BinaryIO, NamedTuple

from imgtools.errors import ImgtoolsError
from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.filesystems.stream import MappedFile, Stretch

WINDOW = 512 << 10  # bytes read with one question at most
GAP = 64 << 10  # bytes between two files that are read along
CHUNK = 1 << 20  # bytes of a large file that are read at once
MOST_STRETCHES = 256  # of one file; what lies in more pieces is read by the caller
THREADS = 4  # at most, each with one window in memory

Answer = str | ImgtoolsError  # the hexadecimal digest, or why there is none
Answers = list[tuple[int, Answer]]


class _Wanted(NamedTuple):
    """A file, and hashlib's name of what is wanted of it."""

    path: str
    algorithm: str


class _Placed(NamedTuple):
    """A file whose places are known; ``number`` is that in what was wanted."""

    number: int
    algorithm: str
    stretches: Sequence[Stretch]

    @property
    def begin(self) -> int:
        return self.stretches[0].offset or 0

    @property
    def end(self) -> int:
        return self.begin + self.stretches[0].length


class Hasher:
    """Hashes files of a guest in its own threads, until the block ends."""

    def __init__(self, files: GuestReader) -> None:
        self._files = files
        self._pool = ThreadPoolExecutor(min(THREADS, 1 + len(os.sched_getaffinity(0))), "hash")

    def __enter__(self) -> Hasher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def group(self) -> Group:
        """Return a new group of files, empty."""
        return Group(self._files, self._pool)


class Group:
    """Files that are hashed together. Each is looked up when it is added, while its reader still knows its inode."""

    def __init__(self, files: GuestReader, pool: ThreadPoolExecutor) -> None:
        self._files = files
        self._pool = pool
        self._wanted: list[_Wanted] = []
        self._placed: list[_Placed] = []
        self._known: Answers = []
        self._alone: list[int] = []
        self._futures: list[Future[Answers]] = []

    def add(self, path: str, algorithm: str) -> None:
        """Add a file; a last link is followed. Its number is how many were added before it."""
        number = len(self._wanted)
        self._wanted.append(_Wanted(path, algorithm))
        try:
            found = _stretches(self._files.open(path))
        except DAMAGE as error:
            self._known.append((number, error))
            return
        if found is None:
            self._alone.append(number)
        elif not found:
            self._known.append((number, hashlib.new(algorithm, usedforsecurity=False).hexdigest()))
        else:
            self._placed.append(_Placed(number, algorithm, found))

    def start(self) -> None:
        """Begin to read and to hash what was added; there may be no more."""
        self._futures = [self._pool.submit(_hash_window, members) for members in _windows(self._placed)]

    def answers(self) -> Iterator[tuple[int, Answer]]:
        """Yield the number and the answer of each file, in whatever order.

        A file that cannot be read is an answer, and the others are read.
        """
        yield from self._known
        for number in self._alone:
            yield number, self._of_stream(self._wanted[number])
        for future in self._futures:
            yield from future.result()

    def _of_stream(self, one: _Wanted) -> Answer:
        made = hashlib.new(one.algorithm, usedforsecurity=False)
        try:
            with self._files.open(one.path) as stream:
                while chunk := stream.read(CHUNK):
                    made.update(chunk)
        except DAMAGE as error:
            return error
        return made.hexdigest()


def _stretches(stream: BinaryIO) -> list[Stretch] | None:
    """Return where a file lies; None for one that nobody but its reader can read."""
    with stream:
        raw = stream.raw if isinstance(stream, io.BufferedReader) else stream
        return raw.stretches(MOST_STRETCHES) if isinstance(raw, MappedFile) else None


def _windows(placed: Sequence[_Placed]) -> Iterator[Sequence[_Placed]]:
    """Yield files that are read with one question, because they lie near each other, and each other file alone."""
    members: list[_Placed] = []
    for one in sorted(placed, key=lambda one: (id(one.stretches[0].disk), one.begin)):
        if not _is_small(one):
            yield [one]
            continue
        if members and not _fits(members[0], members[-1], one):
            yield members
            members = []
        members.append(one)
    if members:
        yield members


def _is_small(one: _Placed) -> bool:
    first = one.stretches[0]
    return len(one.stretches) == 1 and first.offset is not None and first.length <= WINDOW


def _fits(first: _Placed, last: _Placed, one: _Placed) -> bool:
    is_same = one.stretches[0].disk is first.stretches[0].disk
    return is_same and one.begin - last.end <= GAP and one.end - first.begin <= WINDOW


def _hash_window(members: Sequence[_Placed]) -> Answers:
    """Read files with one question; where that fails, each for itself: of most nothing may be damaged."""
    if len(members) == 1:
        return [_hash_alone(members[0])]
    disk, begin = members[0].stretches[0].disk, members[0].begin
    try:
        content = disk.read_past_cache(begin, max(one.end for one in members) - begin)
    except DAMAGE:
        return [_hash_alone(one) for one in members]
    view = memoryview(content)
    return [
        (
            one.number,
            hashlib.new(
                one.algorithm, view[one.begin - begin : one.end - begin], usedforsecurity=False
            ).hexdigest(),
        )
        for one in members
    ]


def _hash_alone(one: _Placed) -> tuple[int, Answer]:
    made = hashlib.new(one.algorithm, usedforsecurity=False)
    try:
        for stretch in one.stretches:
            for piece in _pieces(stretch):
                made.update(piece)
    except DAMAGE as error:
        return one.number, error
    return one.number, made.hexdigest()


def _pieces(stretch: Stretch) -> Iterator[bytes]:
    for at in range(0, stretch.length, CHUNK):
        length = min(CHUNK, stretch.length - at)
        if stretch.offset is None:
            yield bytes(length)
        else:
            yield stretch.disk.read_past_cache(stretch.offset + at, length)
