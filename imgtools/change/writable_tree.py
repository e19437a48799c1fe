"""What the applier writes to and writes down: the tree open for writing, and what was done to it."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from imgtools.change.change import DataPart, Upload
from imgtools.errors import EditFailed, HostError
from imgtools.files.paths import normalise, parent_of
from imgtools.files.tree import GuestTree
from imgtools.filesystems.api import Filesystem, FilesystemWriter
from imgtools.filesystems.holes import data_parts
from imgtools.records.request import Engine

CHUNK = 1 << 20  # bytes read at a time
ZEROS = bytes(CHUNK)


class NotOpenForWriting(EditFailed):
    """A path is on a volume that was not opened for writing."""


class WritableTree(GuestTree):
    """The guest's tree with some of its volumes open for writing."""

    def __init__(
        self, readers: Mapping[str, Filesystem], writers: Mapping[str, FilesystemWriter], served_by: Engine
    ) -> None:
        super().__init__({**readers, **writers}, served_by)
        self._writers = {normalise(point): writer for point, writer in writers.items()}
        self._points = {normalise(point) for point in (*readers, *writers)}

    def writer(self, path: str) -> tuple[FilesystemWriter, str]:
        """Return who writes the resolved ``path``, and the path within that volume.

        :raises NotOpenForWriting: its volume is open for reading only.
        """
        filesystem, inner = self.place(path)
        self._missing.clear()  # whoever asks is about to make something
        self._spelled.pop(parent_of(path), None)
        for writer in self._writers.values():
            if writer is filesystem:
                return writer, inner
        raise NotOpenForWriting(f"{path} is on a volume that is not open for writing")

    def mount_points_below(self, path: str) -> tuple[str, ...]:
        """Return the mount points at or below a resolved path."""
        prefix = path.rstrip("/") + "/"
        return tuple(sorted(point for point in self._points if (point.rstrip("/") + "/").startswith(prefix)))


@dataclass(slots=True)
class Applied:
    """What was done: the SHA-256 of every file written, and every path that was not there before."""

    written: dict[str, str] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)

    def gone(self, path: str) -> None:
        """Note that ``path`` and everything below it is no longer there."""
        below = path.rstrip("/") + "/"
        for one in [one for one in self.written if one == path or one.startswith(below)]:
            del self.written[one]
        self.created = [one for one in self.created if one != path and not one.startswith(below)]

    def moved(self, path: str, to: str) -> None:
        """Note that ``path`` is now called ``to``."""
        kept = {
            to + one[len(path) :]: digest
            for one, digest in self.written.items()
            if one == path or one.startswith(path + "/")
        }
        self.gone(path)
        self.gone(to)
        self.written.update(kept)


def digest_of(tree: GuestTree | Filesystem, path: str) -> str:
    """Return the SHA-256 of a file of any size, in hexadecimal."""
    running = hashlib.sha256()
    with tree.open(path) as stream:
        # A buffered stream gives less than was asked for at the end only: no need to look for more there.
        least = CHUNK if isinstance(stream, io.BufferedReader) else 1
        while chunk := stream.read(CHUNK):
            running.update(chunk)
            if len(chunk) < least:
                break
    return running.hexdigest()


class Measured(io.RawIOBase):
    """A stream that knows the digest of what was read from it and reports how far it has come."""

    def __init__(self, source: BinaryIO, advance: Callable[[int], None]) -> None:
        self._source = source
        self._advance = advance
        self._running = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._source.read(size)
        self._running.update(chunk)
        self.size += len(chunk)
        self._advance(len(chunk))
        return chunk

    def skip_hole(self) -> int:
        """As the source's, if it has such: a hole counts as the zeros that one reads there."""
        skip = getattr(self._source, "skip_hole", None)
        hole: int = skip() if skip is not None else 0
        for _ in range(hole // CHUNK):
            self._running.update(ZEROS)
        self._running.update(ZEROS[: hole % CHUNK])
        self.size += hole
        self._advance(hole)
        return hole

    @property
    def digest(self) -> str:
        """The SHA-256 of what was read so far, in hexadecimal."""
        return self._running.hexdigest()


@contextmanager
def open_regular(host_path: Path) -> Iterator[BinaryIO]:
    """Open the host file of an upload.

    :raises HostError: it cannot be read, or is no regular file (a FIFO would wait forever).
    """
    try:
        descriptor = os.open(host_path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f"cannot read {host_path}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise HostError(f"not a regular file: {host_path}")
    with os.fdopen(descriptor, "rb") as stream:
        yield stream


@contextmanager
def open_upload(change: Upload) -> Iterator[UploadContent]:
    """Open the content of an upload.

    :raises HostError: its host file cannot be read.
    """
    if change.content is not None:
        yield UploadContent(io.BytesIO(change.content), change)
        return
    with open_regular(change.host_path) as stream:
        yield UploadContent(stream, change)


class UploadContent(io.RawIOBase):
    """What an upload makes the content of a file: read once, from its beginning; its holes can be told.

    Those of a whole host file are asked of the host when it is read.
    """

    def __init__(self, stream: BinaryIO, change: Upload) -> None:
        self._stream = stream
        self._position = 0
        # Of each stretch of data where it begins, where it ends, and where it lies in the host file.
        if change.parts is not None:
            self._size = change.size
            self._parts = _behind_each_other(change.parts, change.offset)
        elif change.content is not None:
            self._size = len(change.content)
            self._parts = iter([(0, self._size, 0)] if self._size else [])
        else:
            length = os.fstat(stream.fileno()).st_size - change.offset
            is_whole = change.offset == 0 and length <= change.size
            # One that has become longer is read as far as the plan knows it; one that has become shorter, to its end.
            self._size = min(length, change.size)
            self._parts = (
                ((begin, end, begin) for begin, end in data_parts(stream, self._size))
                if is_whole
                else iter([(0, self._size, change.offset)] if self._size > 0 else [])
            )
        self._next = next(self._parts, None)

    def readable(self) -> bool:
        """Always."""
        return True

    def _hole(self) -> int:
        """How many bytes of hole begin here."""
        return (self._size if self._next is None else self._next[0]) - self._position

    def skip_hole(self) -> int:
        """Pass over a hole that begins here; returns its length, 0 if there is none."""
        hole = max(0, self._hole())
        self._position += hole
        return hole

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to ``size`` bytes, of a hole zeros; nothing at the end, and where the host file is cut."""
        if size is None or size < 0:
            return b"".join(iter(partial(self.read, CHUNK), b""))
        if (hole := self._hole()) > 0:
            self._position += min(hole, size)
            return bytes(min(hole, size))
        if self._next is None:
            return b""
        begin, end, place = self._next
        self._stream.seek(place + self._position - begin)
        content = self._stream.read(min(size, end - self._position))
        self._position += len(content)
        if self._position == end:
            self._next = next(self._parts, None)
        return content


def _behind_each_other(parts: Sequence[DataPart], offset: int) -> Iterator[tuple[int, int, int]]:
    for one in parts:
        yield one.at, one.at + one.size, offset
        offset += one.size
