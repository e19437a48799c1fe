"""Packed streams one after the other in one file, as the kernel unpacks an initial RAM disk: what each unpacks to.

Unlike a log, such a file may go on behind a stream with zeros, another stream of another kind, or with none.

Sources: lib/decompress.c of the kernel (the kinds and their first bytes); RFC 8878 (frames of zstd);
lib/decompress_unlz4.c (the old format of lz4, which is the one that the kernel takes).
"""

from __future__ import annotations

import bz2
import lzma
import tempfile
import zlib
from collections.abc import Callable, Generator
from typing import BinaryIO, Protocol

from imgtools.engine.process import Fence, Kind, Limits, ToolFailed
from imgtools.engine.stream import open_stream

CHUNK = 1 << 17
LARGEST = 1 << 20  # bytes of a piece, unpacked
MAX_MEMORY = 256 << 20  # bytes that a dictionary may want; the kernel's own limit for xz is less
LIMITS = Limits(seconds=None, cpu=300)
MAX_LZ4_BLOCK = (8 << 20) + (8 << 20) // 255 + 16  # LZ4_compressBound of the blocks of 8 MiB
KINDS = (
    (b"\x1f\x8b", "gzip"),
    (b"\x1f\x9e", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x5d\x00\x00", "lzma"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"\x89LZO", "lzo"),
)

UNPACKED = frozenset({"gzip", "bzip2", "xz", "lzma", "zstd", "lz4"})  # of these kinds


class DamagedStream(Exception):
    """A packed stream does not unpack to its end; the message says why."""


class Readable(Protocol):
    """What can be read forwards."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        ...


class Source:
    """A file read forwards, into which what was read too much is put back."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._back = b""
        self.position = 0

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; fewer only at the end."""
        found, self._back = self._back[:size], self._back[size:]
        while len(found) < size and (more := self._stream.read(size - len(found))):
            found += more
        self.position += len(found)
        return found

    def put_back(self, content: bytes) -> None:
        """Have these bytes, read last, read again."""
        self._back = content + self._back
        self.position -= len(content)

    def pieces(self) -> Generator[bytes, None, None]:
        """Yield the rest as it is."""
        while piece := self.read(CHUNK):
            yield piece


def packed_kind(head: bytes) -> str:
    """Return how a stream is packed that begins with these six bytes; "" if it is not."""
    return next((kind for magic, kind in KINDS if head.startswith(magic)), "")


def unpack_one(source: Source, kind: str) -> Generator[bytes, None, None]:
    """Yield what the stream at the source's position unpacks to; then the source stands behind it.

    :raises DamagedStream: it is damaged, ends too early, or is of a kind that is not known here.
    :raises ToolMissing: the program that unpacks it, zstd or lz4, is not installed.
    """
    if kind in _MACHINES:
        yield from _by_machine(source, kind)
    elif kind in ("zstd", "lz4"):
        yield from _by_program(source, kind)
    else:
        raise DamagedStream(f"packed with {kind or 'nothing that is known'}")


class _Machine(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Inflate:
    """zlib's machine with the face of the two others."""

    def __init__(self) -> None:
        self._machine = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._machine.eof

    @property
    def unused_data(self) -> bytes:
        return self._machine.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._machine.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._machine.decompress(data or self._machine.unconsumed_tail, max_length)


_MACHINES: dict[str, Callable[[], _Machine]] = {
    "gzip": _Inflate,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_MEMORY),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MAX_MEMORY),
}


def _by_machine(source: Source, kind: str) -> Generator[bytes, None, None]:
    machine = _MACHINES[kind]()
    try:
        while not machine.eof:
            data = source.read(CHUNK) if machine.needs_input else b""
            if machine.needs_input and not data:
                raise DamagedStream(f"its {kind} stream ends too early")
            yield machine.decompress(data, LARGEST)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DamagedStream(f"its {kind} stream is damaged: {error}") from None
    source.put_back(machine.unused_data)


def _by_program(source: Source, kind: str) -> Generator[bytes, None, None]:
    with tempfile.TemporaryFile(prefix="imgtools-") as copy:
        (_copy_zstd if kind == "zstd" else _copy_lz4)(source, copy)
        copy.seek(0)
        words = ["zstd", "-dcq", "--memory=256MB"] if kind == "zstd" else ["lz4", "-dcq"]
        try:
            with open_stream(words, Fence(Kind.DECOMPRESSOR), limits=LIMITS, stdin=copy) as stream:
                while piece := stream.read(CHUNK):
                    yield piece
        except ToolFailed as error:
            raise DamagedStream(f"its {kind} stream is damaged: {error.message}") from None


def _exactly(source: Source, size: int, kind: str) -> bytes:
    content = source.read(size)
    if len(content) < size:
        raise DamagedStream(f"its {kind} stream ends too early")
    return content


def _copy_zstd(source: Source, copy: BinaryIO) -> None:
    """Copy one frame: its blocks say how long they are, so that what follows it is not taken for a part of it."""
    head = _exactly(source, 5, "zstd")
    flags = head[4]
    single = flags >> 5 & 1
    sizes = (single, 2, 4, 8)  # of the field that says the size of all content
    rest = (not single) + (0, 1, 2, 4)[flags & 3] + sizes[flags >> 6]
    copy.write(head + _exactly(source, rest, "zstd"))
    last = 0
    while not last:
        raw = _exactly(source, 3, "zstd")
        block = int.from_bytes(raw, "little")
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        if kind == 3:
            raise DamagedStream("its zstd stream is damaged: a block of a kind that does not exist")
        copy.write(raw + _exactly(source, 1 if kind == 1 else size, "zstd"))
    if flags & 4:
        copy.write(_exactly(source, 4, "zstd"))


def _copy_lz4(source: Source, copy: BinaryIO) -> None:
    """Copy one stream: blocks with their lengths before them, until there is no length that can be one."""
    copy.write(_exactly(source, 4, "lz4"))
    while raw := source.read(4):
        size = int.from_bytes(raw, "little")
        if len(raw) < 4 or not 0 < size <= MAX_LZ4_BLOCK:
            source.put_back(raw)
            return
        copy.write(raw + _exactly(source, size, "lz4"))
