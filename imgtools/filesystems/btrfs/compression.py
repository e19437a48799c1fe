"""Compressed extents of btrfs: zlib, lzo and zstd.

These parse hostile bytes with libraries, so a worker behind a fence calls them (``engine/confined/btrfs.py``).
Source: Linux, fs/btrfs/zlib.c, lzo.c, zstd.c and compression.h (BTRFS_MAX_COMPRESSED, BTRFS_MAX_UNCOMPRESSED).
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator

from imgtools.errors import OddGuest

LARGEST = 128 << 10  # bytes of an extent, packed or not
NONE, ZLIB, LZO, ZSTD = 0, 1, 2, 3  # in an extent item
WINDOW = 17  # ZSTD_BTRFS_MAX_WINDOWLOG
LZO_HEADER = 4  # bytes of a length, before everything and before each segment

# How to unpack: kind, packed bytes, size of what comes out, size of a sector. Returns exactly that many bytes.
Unpack = Callable[[int, bytes, int, int], bytes]


def unpack(kind: int, packed: bytes, size: int, sector: int) -> bytes:
    """Unpack one extent; what it does not fill is zeros, as the kernel has it.

    :raises OddGuest: it is damaged, too large, or of a kind that there is not.
    :raises ImportError: the library for it is not installed.
    """
    if not 0 <= size <= LARGEST or len(packed) > LARGEST:
        raise OddGuest(f"a compressed extent of {len(packed)} bytes says that it has {size}")
    if kind == ZLIB:
        found = _zlib(packed, size)
    elif kind == LZO:
        found = b"".join(_lzo(packed, sector))[:size]
    elif kind == ZSTD:
        found = _zstd(packed, size)
    else:
        raise OddGuest(f"a compression of kind {kind}")
    return found.ljust(size, b"\0")


def _bad(name: str, why: object) -> OddGuest:
    return OddGuest(f"its {name} stream is damaged: {why}", hint="btrfs check --check-data-csum tells more")


def _zlib(packed: bytes, size: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(packed, size) if size else b""
    except zlib.error as error:
        raise _bad("zlib", error) from None
    if len(found) < size and not stream.eof:
        raise _bad("zlib", "it is cut")
    return found


def _zstd(packed: bytes, size: int) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    stream = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW})
    try:
        found = stream.decompress(packed, size) if size else b""
    except zstd.ZstdError as error:
        raise _bad("zstd", error) from None
    if len(found) < size and not stream.eof:
        raise _bad("zstd", "it is cut")
    return bytes(found)


def _lzo(packed: bytes, sector: int) -> Iterator[bytes]:
    """The segments of an extent, each a sector; none has its length where a sector ends (lzo_decompress_bio)."""
    from lzallright import LZOCompressor, LZOError

    whole = int.from_bytes(packed[:LZO_HEADER], "little")
    if not LZO_HEADER < whole <= len(packed):
        raise _bad("lzo", f"it says that it has {whole} bytes")
    at = LZO_HEADER
    while at < whole:
        length = int.from_bytes(packed[at : at + LZO_HEADER], "little")
        at += LZO_HEADER
        if not length or at + length > whole:
            raise _bad("lzo", f"a segment of {length} bytes")
        try:
            found = LZOCompressor.decompress(packed[at : at + length], sector)
        except LZOError as error:
            raise _bad("lzo", error) from None
        if len(found) > sector:
            raise _bad("lzo", f"a segment becomes {len(found)} bytes")
        yield bytes(found)
        at += length
        left = sector - at % sector
        if left < LZO_HEADER:
            at += left
