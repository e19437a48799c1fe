"""Compressed files of the guest (rotated logs), unpacked into a temporary file of bounded size."""

from __future__ import annotations

import bz2
import codecs
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol

from imgtools.engine.process import Fence, Kind, Limits, ToolFailed
from imgtools.engine.stream import open_stream

CHUNK = 1 << 16
MAX_UNPACKED = 2 << 30  # bytes; a log that unpacks to more is cut there
MAX_MEMORY = 256 << 20  # bytes that a compressor's dictionary may want (xz -9 wants 65 MiB)
ZSTD_LIMITS = Limits(seconds=None, cpu=300)
ENDINGS = (".gz", ".xz", ".zst", ".bz2")


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


_MAKE: dict[str, Callable[[], _Decompressor]] = {
    ".bz2": bz2.BZ2Decompressor,
    ".xz": lambda: lzma.LZMADecompressor(memlimit=MAX_MEMORY),
}


class Unpacked:
    """A compressed file's contents; ``problem`` says what is missing at its end, "" if nothing is."""

    def __init__(self, stream: BinaryIO, problem: str) -> None:
        self.stream = stream
        self.problem = problem


@contextmanager
def unpack(source: BinaryIO, ending: str) -> Iterator[Unpacked]:
    """Unpack ``source`` into a temporary file that has no name and is gone afterwards.

    What could be unpacked of a damaged file is there, and its ``problem`` says so.

    :param ending: ``.gz``, ``.xz``, ``.bz2`` or ``.zst``.
    :raises ToolMissing: ``.zst`` needs the program zstd.
    """
    with tempfile.TemporaryFile(prefix="imgtools-") as target:
        problem, size = "", 0
        try:
            for piece in _pieces(source, ending):
                if size + len(piece) > MAX_UNPACKED:
                    problem = f"unpacks to more than {MAX_UNPACKED >> 30} GiB; the rest was left out"
                    break
                target.write(piece)
                size += len(piece)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ToolFailed) as error:
            problem = f"damaged after {size} bytes: {error}"
        target.seek(0)
        yield Unpacked(target, problem)


def _pieces(source: BinaryIO, ending: str) -> Iterator[bytes]:
    if ending == ".zst":
        yield from _zstd(source)
    elif ending == ".gz":
        yield from _gzip(source)
    else:
        yield from _members(source, _MAKE[ending])


def _gzip(source: BinaryIO) -> Iterator[bytes]:
    """Members of a gzip file, one after the other; zlib says itself what it has not taken."""
    machine, pending, started = zlib.decompressobj(wbits=31), b"", False
    while data := pending or source.read(CHUNK):
        started = True
        yield machine.decompress(data, CHUNK)
        pending = machine.unconsumed_tail
        if machine.eof:
            pending = machine.unused_data.lstrip(b"\0")
            machine, started = zlib.decompressobj(wbits=31), False
    if started:
        raise EOFError("it ends too early")


def _members(source: BinaryIO, make: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """Streams of an xz or bzip2 file, one after the other; each machine keeps what it has not worked off."""
    machine, data = make(), source.read(CHUNK)
    started = False
    while data or started:
        piece = machine.decompress(data, CHUNK)
        started = not machine.eof
        yield piece
        if machine.eof:
            data = machine.unused_data.lstrip(b"\0") or source.read(CHUNK)
            machine = make()
        elif not piece:
            data = source.read(CHUNK)
            if not data:
                raise EOFError("it ends too early")
        else:
            data = b""


def _zstd(source: BinaryIO) -> Iterator[bytes]:
    """Python before 3.14 has no zstd; the program has, and its limits are the kernel's."""
    with tempfile.TemporaryFile(prefix="imgtools-") as copy:
        shutil.copyfileobj(source, copy, CHUNK)
        copy.seek(0)
        with open_stream(
            ["zstd", "-dcq", "--memory=256MB"], Fence(Kind.DECOMPRESSOR), limits=ZSTD_LIMITS, stdin=copy
        ) as stream:
            while piece := stream.read(CHUNK):
                yield piece


@contextmanager
def as_utf8(stream: BinaryIO) -> Iterator[BinaryIO]:
    """Give a log that Windows wrote in UTF-16 in UTF-8 (a copy), any other as it is; both from their beginning."""
    mark = stream.read(2)
    stream.seek(0)
    if mark not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        yield stream
        return
    decoder, size = codecs.getincrementaldecoder("utf-16")("replace"), 0
    with tempfile.TemporaryFile(prefix="imgtools-") as target:
        while size < MAX_UNPACKED and (piece := stream.read(CHUNK)):
            size += target.write(decoder.decode(piece).encode("utf-8", "replace"))
        target.seek(0)
        yield target
