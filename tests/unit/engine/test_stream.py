"""Programs that are read while they run, and compressed files that are unpacked in bounds."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imgtools.engine import unpack as unpacking
from imgtools.engine.process import HOST, Limits, ToolFailed
from imgtools.engine.stream import open_stream, read_lines
from imgtools.engine.unpack import beginning, unpack, unpack_forwards
from imgtools.errors import ToolMissing

FREE = Limits(seconds=None)
TEXT = b"".join(b"line %d of a log that repeats itself\n" % number for number in range(20_000))


@pytest.mark.host
def test_output_is_read_while_the_program_runs() -> None:
    with open_stream(["sh", "-c", "echo one; echo two"], HOST, limits=FREE) as stream:
        assert list(read_lines(stream, limit=100)) == [b"one", b"two"]


@pytest.mark.host
def test_a_program_that_fails_at_its_end_is_an_error_with_its_words() -> None:
    with (
        pytest.raises(ToolFailed, match="no luck"),
        open_stream(["sh", "-c", "echo x; echo no luck >&2; exit 3"], HOST, limits=FREE) as stream,
    ):
        stream.read()


@pytest.mark.host
def test_a_reader_that_has_enough_ends_the_program(tmp_path: Path) -> None:
    mark = tmp_path / "still there"
    started = time.monotonic()
    with open_stream(["sh", "-c", f"echo first; sleep 60; touch '{mark}'"], HOST, limits=FREE) as stream:
        assert stream.readline() == b"first\n"
    assert time.monotonic() - started < 30
    with open_stream(["yes"], HOST, limits=FREE) as stream:
        assert stream.read(6) == b"y\ny\ny\n"


def test_a_missing_program_is_named() -> None:
    with (
        pytest.raises(ToolMissing, match="no-such-program"),
        open_stream(["no-such-program"], HOST, limits=FREE),
    ):
        pass


def test_long_lines_are_cut_and_the_next_one_is_whole() -> None:
    stream = io.BytesIO(b"a" * 1000 + b"\nshort\r\n" + b"b" * 25)
    assert list(read_lines(stream, limit=10)) == [b"a" * 10, b"short", b"b" * 10]


def zst(content: bytes) -> bytes:
    return subprocess.run(["zstd", "-qc"], input=content, capture_output=True, check=True).stdout


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zst,
}


@pytest.mark.host
@pytest.mark.parametrize("ending", PACK)
def test_unpacking(ending: str) -> None:
    with unpack(io.BytesIO(PACK[ending](TEXT)), ending) as (stream, found):
        assert (stream.read(), found.problem) == (TEXT, "")


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz"])
def test_several_members_in_one_file(ending: str) -> None:
    with unpack(io.BytesIO(PACK[ending](b"one ") + PACK[ending](b"") + PACK[ending](TEXT)), ending) as (
        stream,
        found,
    ):
        assert (stream.read(), found.problem) == (b"one " + TEXT, "")


@pytest.mark.host
@pytest.mark.parametrize("ending", PACK)
def test_of_a_file_cut_short_the_beginning_is_there_and_the_problem_said(ending: str) -> None:
    whole = PACK[ending](TEXT)
    with unpack(io.BytesIO(whole[: len(whole) * 2 // 3]), ending) as (stream, found):
        assert TEXT.startswith(stream.read())
        assert "damaged after" in found.problem


@pytest.mark.host
@pytest.mark.parametrize("ending", PACK)
def test_what_is_no_such_file_is_a_problem(ending: str) -> None:
    with unpack(io.BytesIO(b"plain text, not packed"), ending) as (stream, found):
        assert stream.read() == b""
        assert "damaged after 0 bytes" in found.problem


def test_an_empty_file_unpacks_to_nothing() -> None:
    with unpack(io.BytesIO(b""), ".gz") as (stream, found):
        assert (stream.read(), found.problem) == (b"", "")


@pytest.mark.host
@pytest.mark.parametrize("ending", PACK)
def test_a_file_that_unpacks_to_too_much_is_cut(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgtools.engine.unpack.MAX_UNPACKED", 1 << 20)
    with unpack(io.BytesIO(PACK[ending](bytes(8 << 20))), ending) as (stream, found):
        assert len(stream.read()) <= 1 << 20
        assert "the rest was left out" in found.problem


class Counted(io.BytesIO):
    """Counts the bytes that are taken."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


@pytest.mark.host
@pytest.mark.parametrize("ending", PACK)
def test_forwards_gives_the_same_and_the_problem_at_its_end(ending: str) -> None:
    whole = PACK[ending](TEXT)
    with unpack_forwards(io.BytesIO(whole), ending) as (stream, found):
        assert (stream.read(), found.problem) == (TEXT, "")
    with unpack_forwards(io.BytesIO(whole[: len(whole) * 2 // 3]), ending) as (stream, found):
        assert TEXT.startswith(stream.read()) and "damaged after" in found.problem


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz"])
def test_forwards_takes_no_more_than_it_gives_and_keeps_nothing(
    ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", None)
    source = Counted(PACK[ending](random.Random(5).randbytes(6 << 20)))
    with unpack_forwards(source, ending) as (stream, _):
        assert len(stream.read(1000)) == 1000
    assert source.taken < 2 << 20


@pytest.mark.host
@pytest.mark.parametrize("ending", [*PACK, ""])
def test_the_beginning_is_looked_at_without_the_rest(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED", 0)
    source = io.BytesIO(PACK[ending](TEXT) if ending else TEXT)
    assert beginning(source, ending, 1000) == TEXT[:1000]
    assert source.tell() == 0
    assert beginning(io.BytesIO(b"not packed"), ending, 3) == (b"" if ending else b"not")


def test_utf_16_comes_as_utf_8_also_packed() -> None:
    text = "Größe\r\n" * 50_000
    for content in (b"\xff\xfe" + text.encode("utf-16-le"), b"\xfe\xff" + text.encode("utf-16-be")):
        with unpack_forwards(io.BytesIO(gzip.compress(content)), ".gz") as (stream, _):
            assert stream.read() == text.encode()
