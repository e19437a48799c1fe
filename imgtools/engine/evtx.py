"""Windows event logs (.evtx), read chunk by chunk, newest or oldest first.

A log is a ring of 64 KiB chunks that can be read each on its own: reading the newest events costs the same in a
log of a megabyte and of a gigabyte, and a damaged chunk takes no other with it. The chunks go to a process of
their own with limits (``evtx_worker.py``), which reads them with libevtx: python-evtx was measured 75 times
slower, and both can be made to work for ever by a hostile log.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from imgtools.engine.confined.start import start_program
from imgtools.engine.hive import FILETIME_EPOCH
from imgtools.engine.process import Fence, Kind, Limits
from imgtools.engine.stream import read_lines
from imgtools.errors import OddGuest, ToolMissing
from imgtools.units import parse_count

CHUNK = 65536
FILE_HEADER = 4096
CHUNK_HEADER = 512
MAGIC, CHUNK_MAGIC = b"ElfFile\0", b"ElfChnk\0"
WORKER = Path(__file__).with_name("evtx_worker.py")
LIMITS = Limits(seconds=None, memory=1 << 30, cpu=20)
CHUNKS_EACH = 256  # chunks (16 MiB of log) that one process reads: its processor time is limited
MAX_DEATHS = 3  # chunks that may kill their process before the log is given up
LINE_LIMIT = 4 << 20
UNREADABLE = -1  # the answer for a chunk that nothing could be read of


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One event. ``time`` is nanoseconds since 1970, ``level`` Windows' (1 critical ... 5 verbose, 0 always)."""

    time: int
    number: int
    event_id: int
    level: int
    provider: str
    channel: str
    host: str
    pid: int | None
    data: tuple[tuple[str, str], ...]  # name ("" if it has none) and text


@dataclass(frozen=True, slots=True)
class Damage:
    """What could not be read: ``records`` of a chunk, or (UNREADABLE) all of it."""

    offset: int
    records: int


@dataclass(frozen=True, slots=True)
class EventSpan:
    """What the headers of a log tell. Times are nanoseconds since 1970, 0 if the log is empty."""

    records: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Chunk:
    offset: int
    first: int  # numbers of its records
    last: int


def read_events(source: BinaryIO, size: int, *, newest_first: bool = False) -> Iterator[EventRecord | Damage]:
    """Yield the events of a log in the order of their numbers, and what could not be read in between.

    :param size: of the file, in bytes.
    :raises OddGuest: not an event log.
    :raises ToolMissing: libevtx is not installed.
    """
    chunks = sorted(_chunks(source, size), key=lambda chunk: chunk.first, reverse=newest_first)
    deaths = 0
    for start in range(0, len(chunks), CHUNKS_EACH):
        with ExitStack() as stack:
            worker: _Worker | None = None
            for chunk in chunks[start : start + CHUNKS_EACH]:
                worker = worker or stack.enter_context(_open_worker())
                source.seek(chunk.offset)
                events, unread = worker.read(source.read(CHUNK))
                yield from reversed(events) if newest_first else events
                if unread:
                    yield Damage(chunk.offset, unread)
                if unread == UNREADABLE:
                    worker, deaths = None, deaths + 1
                if deaths >= MAX_DEATHS:
                    return


def read_span(source: BinaryIO, size: int) -> EventSpan:
    """Return what a log holds, from the headers of its chunks and two records.

    :raises OddGuest: not an event log.
    """
    chunks = sorted(_chunks(source, size), key=lambda chunk: chunk.first)
    if not chunks:
        return EventSpan(0, 0, 0)
    count = sum(chunk.last - chunk.first + 1 for chunk in chunks)
    return EventSpan(
        count, _record_time(source, chunks[0], last=False), _record_time(source, chunks[-1], last=True)
    )


def _chunks(source: BinaryIO, size: int) -> Iterator[_Chunk]:
    """Yield the chunks that are in use. The count in the file's header is not trusted: it is stale after a crash."""
    source.seek(0)
    head = source.read(128)
    if head[:8] != MAGIC:
        raise OddGuest("not a Windows event log", hint="logs of Windows XP and older (.evt) are not read")
    for offset in range(FILE_HEADER, size - CHUNK_HEADER, CHUNK):
        source.seek(offset)
        head = source.read(128)
        if head[:8] == CHUNK_MAGIC:
            first, last = struct.unpack_from("<QQ", head, 24)
            if 0 < first <= last < 1 << 63 and last - first < CHUNK:
                yield _Chunk(offset, first, last)


def _record_time(source: BinaryIO, chunk: _Chunk, *, last: bool) -> int:
    """When the first or last record of a chunk was written, in nanoseconds since 1970."""
    source.seek(chunk.offset)
    data = source.read(CHUNK)
    at = struct.unpack_from("<I", data, 44)[0] if last else CHUNK_HEADER
    if at + 24 > len(data) or data[at : at + 4] != b"\x2a\x2a\0\0":
        return 0
    return (int(struct.unpack_from("<Q", data, at + 16)[0]) - FILETIME_EPOCH) * 100


class _Worker:
    """The process that reads chunks."""

    def __init__(self, process: subprocess.Popen[bytes], words: BinaryIO) -> None:
        self._process = process
        self._words = words
        self._input = cast(BinaryIO, process.stdin)
        self._output = cast(BinaryIO, process.stdout)

    def read(self, chunk: bytes) -> tuple[list[EventRecord], int]:
        """Return the events of a chunk, and how many could not be read; UNREADABLE if the process died of it."""
        events: list[EventRecord] = []
        try:
            self._input.write(chunk.ljust(CHUNK, b"\0"))
            self._input.flush()
        except BrokenPipeError:
            return events, self._death()
        for line in read_lines(self._output, limit=LINE_LIMIT):
            if line.isdigit():
                return events, int(line)
            events.append(_event(json.loads(line)))
        return events, self._death()

    def _death(self) -> int:
        """What the end of the process means: a bad chunk, unless it could not even begin."""
        self._process.wait()
        self._words.seek(0)
        if b"No module named 'pyevtx'" in self._words.read(4096):
            raise ToolMissing("libevtx is not installed", hint="pip install libevtx-python")
        return UNREADABLE


@contextmanager
def _open_worker() -> Iterator[_Worker]:
    # -I: neither the current folder nor PYTHONPATH decides what it imports.
    fence = Fence(Kind.READER, (WORKER, *(Path(place) for place in (sys.prefix, *sys.path) if place)))
    with tempfile.TemporaryFile() as words:
        process = start_program(
            [sys.executable, "-I", str(WORKER)],
            fence,
            limits=LIMITS,
            stdin=subprocess.PIPE,
            stderr=words,
            own_session=True,
        )
        try:
            yield _Worker(process, words)
        finally:
            process.kill()
            process.communicate()


def _event(facts: dict[str, object]) -> EventRecord:
    def text(name: str) -> str:
        value = facts.get(name)
        return value if isinstance(value, str) else ""

    def number(name: str) -> int:
        value = facts.get(name)
        return value if isinstance(value, int) else 0

    pid = text("pid")
    data = cast(list[list[str]], facts.get("data") or [])
    return EventRecord(
        (number("time") - FILETIME_EPOCH) * 100,
        number("record"),
        number("event"),
        number("level"),
        text("provider"),
        text("channel"),
        text("host"),
        parse_count(pid),
        tuple((pair[0], pair[1]) for pair in data),
    )
