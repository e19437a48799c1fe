"""Compressed extents: what the kernel's three ways make, unpacked within bounds, and streams that lie."""

from __future__ import annotations

import random
import sys
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lzallright import LZOCompressor

from imgtools.errors import OddGuest
from imgtools.filesystems.btrfs.compression import LARGEST, LZO, ZLIB, ZSTD, unpack

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SECTOR = 4096
TEXT = b"".join(b"line %d of a text that can be packed\n" % number for number in range(3000))[:100_000]


def lzo(content: bytes, sector: int = SECTOR) -> bytes:
    """As the kernel packs: a length, then each sector with its own, which no sector's end divides."""
    out = bytearray(4)
    for at in range(0, len(content), sector):
        segment = LZOCompressor().compress(content[at : at + sector])
        left = sector - len(out) % sector
        out += bytes(left if left < 4 else 0)
        out += len(segment).to_bytes(4, "little") + segment
    out[:4] = len(out).to_bytes(4, "little")
    return bytes(out)


PACKED = {ZLIB: zlib.compress(TEXT), LZO: lzo(TEXT), ZSTD: zstd.compress(TEXT, 3)}
NAMES = {ZLIB: "zlib", LZO: "lzo", ZSTD: "zstd"}


@pytest.mark.parametrize("kind", PACKED, ids=NAMES.values())
def test_each_way_with_what_fills_its_last_sector(kind: int) -> None:
    size = -(-len(TEXT) // SECTOR) * SECTOR
    packed = PACKED[kind] + bytes(-len(PACKED[kind]) % SECTOR)
    assert unpack(kind, packed, size, SECTOR) == TEXT + bytes(size - len(TEXT))
    assert unpack(kind, packed, 5000, SECTOR) == TEXT[:5000]


def test_segments_of_lzo_leave_out_the_last_bytes_of_a_sector() -> None:
    noise = random.Random(1).randbytes(20 * SECTOR)
    for start in range(0, 64, 3):
        content = bytes(start * 60) + noise[: 12 * SECTOR]
        assert unpack(LZO, lzo(content), len(content), SECTOR) == content


@pytest.mark.parametrize("kind", PACKED, ids=NAMES.values())
def test_a_cut_stream_is_an_error(kind: int) -> None:
    with pytest.raises(OddGuest, match=f"its {NAMES[kind]} stream is damaged"):
        unpack(kind, PACKED[kind][:50], len(TEXT), SECTOR)


@pytest.mark.parametrize("kind", PACKED, ids=NAMES.values())
def test_another_stream_is_an_error(kind: int) -> None:
    with pytest.raises(OddGuest):
        unpack(kind, b"\xff" * 100, 4096, SECTOR)
    with pytest.raises(OddGuest):
        unpack(kind, b"", 4096, SECTOR)


def test_more_than_there_can_be_is_refused() -> None:
    with pytest.raises(OddGuest, match="says that it has"):
        unpack(ZLIB, PACKED[ZLIB], LARGEST + 1, SECTOR)
    with pytest.raises(OddGuest, match="says that it has"):
        unpack(ZLIB, bytes(LARGEST + 1), 4096, SECTOR)
    with pytest.raises(OddGuest, match="compression of kind 4"):
        unpack(4, b"x", 1, SECTOR)


@pytest.mark.parametrize("kind", [ZLIB, ZSTD])
def test_a_bomb_fills_no_memory(kind: int) -> None:
    bomb = bytes(64 << 20)
    packed = zlib.compress(bomb, 9) if kind == ZLIB else zstd.compress(bomb, 19)
    assert len(packed) < LARGEST
    try:
        assert unpack(kind, packed, LARGEST, SECTOR) == bytes(LARGEST)
    except OddGuest as error:  # zstd: with a window that the kernel does not take, either
        assert "zstd" in error.message


def test_a_window_that_the_kernel_does_not_take_is_refused() -> None:
    wide = zstd.compress(
        TEXT,
        options={zstd.CompressionParameter.window_log: 20, zstd.CompressionParameter.content_size_flag: 0},
    )
    stream = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 20})
    wide = stream.compress(TEXT) + stream.flush()
    with pytest.raises(OddGuest, match="zstd"):
        unpack(ZSTD, wide, len(TEXT), SECTOR)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from((ZLIB, LZO, ZSTD)), st.integers(0, 3000), st.binary(min_size=1, max_size=6))
def test_whatever_the_bytes_are_it_ends(kind: int, at: int, patch: bytes) -> None:
    packed = bytearray(PACKED[kind])
    packed[at % len(packed) : at % len(packed) + len(patch)] = patch
    try:
        assert len(unpack(kind, bytes(packed), 102_400, SECTOR)) == 102_400
    except OddGuest:
        pass
