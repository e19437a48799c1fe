"""Logs of the guest as UTF-8, unpacked if they were rotated: as they are read, or into a file of bounded size."""

from __future__ import annotations

import bz2
import codecs
import io
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from imgtools.engine.process import Fence, Kind, Limits, ToolFailed
from imgtools.engine.stream import open_stream

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

CHUNK = 1 << 16
MAX_UNPACKED = 2 << 30  # bytes; a log that unpacks to more is cut there
MAX_MEMORY = 256 << 20  # bytes that a compressor's dictionary may want (xz -9 wants 65 MiB)
LOOKED_AT = 4 << 20  # bytes of a packed file that surely hold its beginning: a block of bzip2 has 0.9 MB
ZSTD_LIMITS = Limits(seconds=None, cpu=300)
MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
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


class Unpacked(io.RawIOBase):
    """A log from its beginning to its end, unpacked and in UTF-8, no more of it than is taken.

    :param ending: ``.gz``, ``.xz``, ``.bz2``, ``.zst``, or "" for what is not packed.
    :raises ToolMissing: ``.zst`` needs the program zstd; when it is read.
    """

    def __init__(self, source: BinaryIO, ending: str) -> None:
        self.problem = ""  # what is missing at its end, when that has come
        self._pieces = _in_utf8(self._unpacked(source, ending))
        self._left = b""

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Give the next bytes, as many as there are at once; 0 at the end."""
        view = memoryview(buffer).cast("B")
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        taken = min(len(view), len(self._left))
        view[:taken], self._left = self._left[:taken], self._left[taken:]
        return taken

    def close(self) -> None:
        """End a program that unpacks."""
        self._pieces.close()
        super().close()

    def _unpacked(self, source: BinaryIO, ending: str) -> Generator[bytes, None, None]:
        size = 0
        try:
            for piece in _pieces(source, ending) if ending else _plain(source):
                if ending and size + len(piece) > MAX_UNPACKED:
                    self.problem = f"unpacks to more than {MAX_UNPACKED >> 30} GiB; the rest was left out"
                    return
                size += len(piece)
                yield piece
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ToolFailed) as error:
            self.problem = f"damaged after {size} bytes: {error}"


@contextmanager
def unpack_forwards(source: BinaryIO, ending: str) -> Iterator[tuple[BinaryIO, Unpacked]]:
    """Give a log to be read once, from its beginning: nothing of it is kept anywhere."""
    with Unpacked(source, ending) as unpacked, io.BufferedReader(unpacked, CHUNK) as stream:
        yield cast(BinaryIO, stream), unpacked


@contextmanager
def unpack(source: BinaryIO, ending: str) -> Iterator[tuple[BinaryIO, Unpacked]]:
    """Give a log to be read in any order, from a temporary file that has no name and is gone afterwards.

    What could be unpacked of a damaged file is there, and its ``problem`` says so.
    """
    with tempfile.TemporaryFile(prefix="imgtools-") as target, Unpacked(source, ending) as unpacked:
        shutil.copyfileobj(unpacked, target, CHUNK)
        target.seek(0)
        yield target, unpacked


def beginning(source: BinaryIO, ending: str, size: int) -> bytes:
    """Return the first bytes of a log, unpacked, as they are stored otherwise; then ``source`` is at its beginning."""
    packed = source.read(LOOKED_AT if ending else size)
    source.seek(0)
    if not ending:
        return packed
    found = b""
    with (
        closing(_pieces(io.BytesIO(packed), ending)) as pieces,
        suppress(OSError, EOFError, zlib.error, lzma.LZMAError, ToolFailed),
    ):
        while len(found) < size and (piece := next(pieces, None)) is not None:
            found += piece
    return found[:size]


def is_utf16(head: bytes) -> bool:
    """Whether a text begins with the mark that Windows writes before UTF-16."""
    return head[:2] in MARKS


def _plain(source: BinaryIO) -> Generator[bytes, None, None]:
    while piece := source.read(CHUNK):
        yield piece


def _in_utf8(pieces: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    """Pass a text on in UTF-8: what Windows wrote in UTF-16 is converted, any other stays as it is."""
    head = b""
    with closing(pieces):
        while len(head) < 2 and (piece := next(pieces, None)) is not None:
            head += piece
        if not is_utf16(head):
            yield head
            yield from pieces
            return
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
        yield decoder.decode(head).encode("utf-8", "replace")
        for piece in pieces:
            yield decoder.decode(piece).encode("utf-8", "replace")


def _pieces(source: BinaryIO, ending: str) -> Generator[bytes, None, None]:
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
