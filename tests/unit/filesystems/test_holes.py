"""Holes on their way: told by a stream, asked of it, passed on."""

from __future__ import annotations

import errno
import io
import os

import pytest

from imgtools.filesystems.holes import data_parts, pieces


class Streams(io.BytesIO):
    """A stream whose holes are its stretches of zeros, ten bytes at a time."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if whence not in (os.SEEK_DATA, os.SEEK_HOLE):
            return super().seek(offset, whence)
        content = self.getvalue()
        while offset < len(content):
            end = offset - offset % 10 + 10
            if any(content[end - 10 : end]) is (whence == os.SEEK_DATA):
                return super().seek(offset)
            offset = end
        if whence == os.SEEK_HOLE:
            return super().seek(len(content))
        raise OSError(errno.ENXIO, "no data")


@pytest.mark.parametrize(
    ("content", "size", "expected"),
    [
        (b"x" * 25, 25, [(0, 25)]), (bytes(20) + b"x" * 10 + bytes(15), 45, [(20, 30)]), (bytes(30), 30, []),
        (b"x" * 10 + bytes(10) + b"y" * 5, 25, [(0, 10), (20, 25)]), (b"", 0, []), (b"x" * 30, 15, [(0, 15)]),
        (bytes(20) + b"x" * 10, 20, []),
    ],
)  # fmt: skip
def test_stretches_of_data(content: bytes, size: int, expected: list[tuple[int, int]]) -> None:
    assert list(data_parts(Streams(content), size)) == expected


class Pipe(io.BytesIO):
    def __init__(self, error: Exception) -> None:
        super().__init__(b"x" * 9)
        self._error = error

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise self._error


@pytest.mark.parametrize(
    "error", [io.UnsupportedOperation("seek"), ValueError("whence"), KeyError(3), OSError(errno.EINVAL, "no")]
)
def test_a_stream_that_cannot_tell_is_data(error: Exception) -> None:
    assert list(data_parts(Pipe(error), 9)) == [(0, 9)]
    assert list(data_parts(io.BytesIO(b"x" * 9), 9)) == [(0, 9)]


def test_pieces() -> None:
    assert list(pieces(io.BytesIO(b"x" * 25), 10)) == [b"x" * 10, b"x" * 10, b"x" * 5]
    assert list(pieces(io.BytesIO(b""), 10)) == []


class Holed(io.BytesIO):
    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.holes = [4, 0, 7]

    def skip_hole(self) -> int:
        return self.holes.pop(0) if self.holes else 0


def test_pieces_of_content_that_tells_its_holes() -> None:
    assert list(pieces(Holed(b"x" * 12), 10)) == [4, b"x" * 10, 7, b"x" * 2]
