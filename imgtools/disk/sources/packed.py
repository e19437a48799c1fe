"""One disk image, or an archive with one, packed with xz, gzip, zstd or bzip2.

xz in several blocks is read where it lies: nbdkit's filter unpacks the blocks that are asked for, and no others. All
else has no place to begin with but its start: it is unpacked once, and says so (docs/decisions/sources.md has the
measures). The programs that unpack see nothing but the stream, behind the fence of their kind.

Sources: nbdkit-xz-filter(1); xz(1), ROBOT MODE.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import BinaryIO, NamedTuple

from imgtools.disk.headers.hostfile import HostFile, open_layer
from imgtools.disk.sources.opening import Work
from imgtools.disk.sources.spool import spool
from imgtools.engine.confined.fence import Judged
from imgtools.engine.listening_server import listening_server
from imgtools.engine.process import UNTRUSTED, Fence, Kind, Limits, ToolFailed, require, run
from imgtools.engine.qemu.block import NbdDisk
from imgtools.engine.stream import open_stream
from imgtools.errors import BadImage, ToolMissing
from imgtools.records.image import DiskSource, Inside

PROGRAMS = {
    "gzip": ("gzip", "-dc"),
    "bzip2": ("bzip2", "-dcq"),
    "xz": ("xz", "-dcq", "--memlimit-decompress=384MiB"),
    "zstd": ("zstd", "-dcq", "--memory=384MB"),
}
LIMITS = Limits(seconds=None)
PIECE = 1 << 20
MOST_BLOCKS = 100_000  # of xz; the list of them is read
LARGEST_BLOCK = 192 << 20  # bytes of a block that is kept unpacked: what xz -9 -T0 makes
KEPT = 384 << 20  # bytes of unpacked blocks that nbdkit keeps


def open_packed(source: DiskSource, work: Work, kind: str) -> tuple[DiskSource, ...]:
    """Return what is packed in a file, as one thing that may be a disk, or an archive.

    :raises BadImage: it is damaged or cut, or unpacks to what this host never has room for.
    :raises NoRoom: there is no room for it now.
    """
    if kind == "xz" and source.inside is None and (blocks := _blocks(source)) is not None:
        with suppress(ToolMissing):
            return (_served(source, work, blocks),)
    with (
        open_layer(source.host_path, source.inside) as file,
        _unpacked(source.name, kind, file) as (
            stream,
            read,
        ),
    ):
        made = spool(stream, source.name, work, done=lambda _size: (read(), file.size))
    how = f"unpacked once, to {made.size} bytes in {made.path.parent.parent}: it can only be read from its start"
    inside = Inside(source.name, made.size, is_whole=True, path=made.path, kind=_kinds(source, kind), how=how)
    return (replace(source, inside=inside),)


def _kinds(source: DiskSource, kind: str) -> str:
    return f"{source.inside.kind}, {kind}" if source.inside else kind


# -- read from the start -------------------------------------------------------------------------------------


@contextmanager
def _unpacked(name: str, kind: str, file: HostFile) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
    """Yield what a file unpacks to, and what tells how many bytes of it were read.

    :raises BadImage: it is damaged or cut; told when all was read.
    """
    feed = _Feed(file)
    try:
        with open_stream(
            PROGRAMS[kind], Fence(Kind.DECOMPRESSOR), limits=LIMITS, stdin=feed.reader
        ) as stream:
            feed.begin()
            yield stream, feed.count
    except ToolFailed as error:
        words = error.done.complaint.removeprefix(f"{kind}: ").strip()
        raise BadImage(
            f"{name}: its {kind} stream is damaged or cut: {words}",
            hint="copy it again from where it is whole",
        ) from None
    finally:
        feed.end()


class _Feed:
    """A stretch of a file as a pipe, filled by a thread of ours: a program sees nothing but that stretch."""

    def __init__(self, file: HostFile) -> None:
        self._file, self._done, self._stopped = file, 0, False
        self.reader, self._writer = os.pipe()
        self._thread = threading.Thread(target=self._fill, name="feeding", daemon=True)

    def begin(self) -> None:
        """Close our end to read from: the program has it."""
        os.close(self.reader)
        self.reader = -1
        self._thread.start()

    def count(self) -> int:
        """How many bytes were given."""
        return self._done

    def end(self) -> None:
        """Let go of what is still open."""
        self._stopped = True
        if self.reader >= 0:
            os.close(self.reader)
        if self._thread.ident is None:
            os.close(self._writer)
        else:
            self._thread.join()

    def _fill(self) -> None:
        with os.fdopen(self._writer, "wb", buffering=0) as pipe, suppress(BrokenPipeError, BadImage):
            while not self._stopped and (piece := self._file.read(self._done, PIECE)):
                view = memoryview(piece)
                while view:
                    view = view[pipe.write(view) :]
                self._done += len(piece)


# -- xz in blocks -------------------------------------------------------------------------------------------


class _Blocks(NamedTuple):
    """What an xz file's index says."""

    number: int
    largest: int  # bytes, unpacked
    size: int  # bytes, unpacked


def _blocks(source: DiskSource) -> _Blocks | None:
    """Return the blocks of an xz file; None: it has one, or too many or too large ones to be read where they lie."""
    path = source.host_path.absolute()
    fence = Fence(Kind.READER, (path,))
    try:
        totals = run(["xz", "--robot", "--list", "--", os.fspath(path)], fence, limits=UNTRUSTED).text
        words = totals.splitlines()[-1].split("\t")
        number, size = int(words[2]), int(words[4])
        if not 1 < number <= MOST_BLOCKS:
            return None
        listed = run(
            ["xz", "--robot", "--list", "-v", "-v", "--", os.fspath(path)], fence, limits=UNTRUSTED
        ).text
        rows = (line.split("\t") for line in listed.splitlines() if line.startswith("block\t"))
        largest = max(int(row[7]) for row in rows)
    except (ToolFailed, IndexError, ValueError):
        return None  # it is damaged: who unpacks it says how
    return _Blocks(number, largest, size) if largest <= LARGEST_BLOCK else None


def _served(source: DiskSource, work: Work, blocks: _Blocks) -> DiskSource:
    """Return an xz file as nbdkit serves it."""
    path = source.host_path.absolute()
    depth = max(1, min(32, KEPT // blocks.largest))
    argv = [require("nbdkit"), "--readonly", "--filter=xz", "file", os.fspath(path)]
    argv += [f"xz-max-block={blocks.largest}", f"xz-max-depth={depth}"]
    found = path.stat()
    judged = Judged(path, (found.st_dev, found.st_ino))
    server = work.stack.enter_context(listening_server(argv, Fence(Kind.SERVER, (judged,))))
    try:
        disk = NbdDisk(server.socket, source.name)
    except OSError:
        server.end(1)
        raise BadImage(
            f"{source.name}: nbdkit does not read it: {server.words().strip() or 'it said nothing'}",
            hint="xz -t tells whether it is whole",
        ) from None
    size = disk.size
    disk.close()
    how = f"in place: {blocks.number} blocks of at most {blocks.largest} bytes, each unpacked when it is asked for"
    inside = Inside(source.name, size, is_whole=True, socket=server.socket, kind="xz", how=how)
    return replace(source, inside=inside)


def open_xz(source: DiskSource, work: Work) -> tuple[DiskSource, ...]:
    """See :func:`open_packed`."""
    return open_packed(source, work, "xz")


def open_gzip(source: DiskSource, work: Work) -> tuple[DiskSource, ...]:
    """See :func:`open_packed`."""
    return open_packed(source, work, "gzip")


def open_zstd(source: DiskSource, work: Work) -> tuple[DiskSource, ...]:
    """See :func:`open_packed`."""
    return open_packed(source, work, "zstd")


def open_bzip2(source: DiskSource, work: Work) -> tuple[DiskSource, ...]:
    """See :func:`open_packed`."""
    return open_packed(source, work, "bzip2")
