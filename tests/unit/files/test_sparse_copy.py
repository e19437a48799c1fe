"""Copies with holes: what is a hole is not read, and what is not there cannot be copied."""

from __future__ import annotations

import io

import pytest

from imgtools.files.sparse_copy import copy_sparse
from tests.unit.filesystems.test_holes import Streams


class Counted(Streams):
    asked = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.asked += len(found)
        return found


@pytest.mark.parametrize(
    "content",
    [
        b"", b"x" * 10, bytes(100_000), bytes(50_000) + b"x" * 10 + bytes(50_000), b"x" * 5000 + bytes(20_000),
        b"x" + bytes(2 << 20) + b"y" * 70_001,
    ],
)  # fmt: skip
def test_a_copy_is_equal_and_reads_no_holes(content: bytes) -> None:
    source, target = Counted(content), io.BytesIO()
    assert copy_sparse(source, target, len(content)) == len(content)
    made = target.getvalue().ljust(
        len(content), b"\0"
    )  # a stream in memory does not grow when it is truncated
    assert made == content
    assert source.asked <= len(content.replace(b"\0", b"")) + 2 * 10


def test_zeros_that_are_read_are_holes_of_the_copy() -> None:
    class Notes(io.BytesIO):
        written = 0

        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            self.written += len(data)
            return super().write(data)

    target = Notes()
    content = b"x" * 4096 + bytes(8192) + b"y" * 100
    assert copy_sparse(io.BytesIO(content), target, len(content)) == len(content)
    assert target.getvalue() == content and target.written == 4196


def test_a_file_that_is_shorter_than_it_says() -> None:
    target = io.BytesIO()
    assert copy_sparse(io.BytesIO(b"x" * 5000), target, 9000) == 5000
    assert target.getvalue() == b"x" * 5000
