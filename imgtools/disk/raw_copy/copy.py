"""A raw image is copied by imgtools itself into a raw one, or into a qcow2 with nothing special about it.

There is nothing to translate, and no program to start. qemu-img writes in pieces of 2 MB; for these Linux takes memory
in pieces of 2 MB too, and in a virtual machine those are the ones that it has given back to the machine below: each
must be fetched again. Smaller pieces find memory that is still here (docs/decisions/raw-is-copied-by-us.md).
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from imgtools.disk.headers.hostfile import open_host_file
from imgtools.disk.in_use import keep_writers_out
from imgtools.engine.allocation import data_ranges
from imgtools.errors import BadImage, HostError, ImgtoolsError, NoRoom
from imgtools.records.progress import Progress

BLOCK = 4096  # so many zeros become a hole, as qemu-img has it (-S 4k)
CHUNK = 512 << 10  # bytes that are read and written at once
WORKERS = 2  # one reads while the other writes; a file has one writer at a time
TICK = 0.1  # seconds between two looks at how far it is
_ZEROS = bytes(BLOCK)


class Target(Protocol):
    """A new image that takes the bytes of a disk, from several threads."""

    cluster: int  # bytes; a piece begins and ends with one, but for the last

    def begin(self) -> None:
        """Give the file its first length."""

    def write(self, buffer: bytearray, offset: int, length: int) -> None:
        """Take ``buffer[:length]`` as what the disk holds at ``offset``; zeros need not be written."""

    def finish(self) -> None:
        """Write what describes it."""


class RawTarget:
    """A raw image: the bytes lie where the disk has them."""

    cluster = BLOCK

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor, self._size = descriptor, size

    def begin(self) -> None:
        os.ftruncate(self._descriptor, self._size)

    def write(self, buffer: bytearray, offset: int, length: int) -> None:
        write_filled(self._descriptor, buffer, 0, length, offset)

    def finish(self) -> None:
        pass


def can_copy(source: Path) -> bool:
    """Whether the source is a file whose holes the host knows; a block device is left to qemu-img."""
    return stat.S_ISREG(source.stat().st_mode)


def copy_plain(
    source: Path, target: Path, made: Callable[[int], Target], progress: Progress | None = None
) -> None:
    """Copy the bytes of a file to a new image; what is zeros becomes a hole.

    :param made: makes the image of the descriptor of an empty file.
    :raises ImageInUse: a QEMU program writes to the source. None can begin to while it is copied.
    :raises BadImage: the source cannot be read, or becomes shorter meanwhile.
    :raises NoRoom: the host is full.
    """
    with open_host_file(source) as file:
        keep_writers_out(file, source)
        try:
            descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            try:
                image = made(descriptor)
                image.begin()
                _Copy(source, file.fileno(), image).run(progress)
                image.finish()
            finally:
                os.close(descriptor)
        except OSError as error:  # of reading there are no others: _Copy names them
            raise _unwritable(target, error) from None


class _Copy:
    """Two threads that take the pieces of a file in turn. The first trouble stops both."""

    def __init__(self, source: Path, read_from: int, target: Target) -> None:
        self._source, self._read_from, self._target = source, read_from, target
        self._length = os.fstat(read_from).st_size
        self._pieces = self._cut()
        self._turn = threading.Lock()
        self._stopped = False
        self._done = 0  # bytes of the disk
        self._finished = 0  # threads that came to the end
        self._trouble: Exception | None = None

    def run(self, progress: Progress | None) -> None:
        begun: list[threading.Event] = []
        try:
            for _ in range(WORKERS):
                ended = threading.Event()
                threading.Thread(target=self._work, args=(ended,), name="copying", daemon=True).start()
                begun.append(ended)
            for ended in begun:
                while not ended.wait(TICK):
                    if progress:
                        progress(self._done, self._length)
            if progress:
                progress(self._done, self._length)
        finally:  # also when a signal ends us: the file must not be written any more when it is removed
            self._stopped = True
            # Not Thread.join: interrupted by a signal, that of Python 3.11 takes a running thread for one that ended.
            for ended in begun:
                ended.wait()
        if self._trouble:
            raise self._trouble
        assert self._finished == WORKERS, "a thread that copies ended early"

    def _work(self, ended: threading.Event) -> None:
        buffer = bytearray(CHUNK)
        try:
            while (piece := self._next()) is not None:
                self._copy(buffer, *piece)
            with self._turn:
                self._finished += 1
        except (ImgtoolsError, OSError) as error:
            self._trouble = self._trouble or error
            self._stopped = True
        finally:
            ended.set()

    def _next(self) -> tuple[int, int] | None:
        with self._turn:
            if self._stopped:
                return None
            try:
                piece = next(self._pieces, None)
            except OSError as error:
                raise self._unreadable(self._done, error) from None
            self._done = piece[0] if piece else self._length
            return piece

    def _cut(self) -> Iterator[tuple[int, int]]:
        """Yield offset and length in bytes of pieces that hold data, cluster by cluster."""
        cluster, done = self._target.cluster, 0
        for start, length in data_ranges(self._read_from, self._length):
            done = max(done, start // cluster * cluster)
            end = min(-(-(start + length) // cluster) * cluster, self._length)
            while done < end:
                after = min(end, (done // CHUNK + 1) * CHUNK)
                yield done, after - done
                done = after

    def _copy(self, buffer: bytearray, offset: int, length: int) -> None:
        done, view = 0, memoryview(buffer)[:length]
        while done < length:
            try:
                got = os.preadv(self._read_from, [view[done:]], offset + done)
            except OSError as error:
                raise self._unreadable(offset, error) from None
            if not got:
                raise BadImage(f"{self._source} became shorter while it was copied")
            done += got
        self._target.write(buffer, offset, length)

    def _unreadable(self, offset: int, error: OSError) -> ImgtoolsError:
        return BadImage(
            f"{self._source} cannot be read near byte {offset}: {error.strerror}",
            hint="imgtools convert --salvage copies what can be read",
        )


def write_filled(descriptor: int, buffer: bytearray, start: int, end: int, offset: int) -> None:
    """Write ``buffer[start:end]`` at ``offset`` of a file that reads as zeros there, without its blocks of zeros."""
    view = memoryview(buffer)
    for first, last in filled(buffer, start, end):
        while first < last:
            first += os.pwrite(descriptor, view[first:last], offset + first - start)


def filled(buffer: bytearray, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of blocks in ``buffer[start:end]`` that are not zeros, each by where it starts and ends.

    Most blocks begin with another byte, so that the first of each says enough.
    """
    firsts = buffer[start:end:BLOCK]
    done, index = start, firsts.find(0)
    while index >= 0:
        at = start + index * BLOCK
        block = buffer[at : min(at + BLOCK, end)]
        if block == _ZEROS[: len(block)]:
            if at > done:
                yield done, at
            done = at + len(block)
        index = firsts.find(0, index + 1)
    if done < end:
        yield done, end


def _unwritable(target: Path, error: OSError) -> ImgtoolsError:
    if error.errno == errno.EFBIG:
        return NoRoom(
            f"{target.name} would become larger than this host allows",
            hint="see ulimit -f and the limit of the filesystem",
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoRoom("no room left on the host", hint="make room, or write to another filesystem")
    return HostError(f"cannot write {target.name}: {error.strerror}")
