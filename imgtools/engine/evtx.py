"""Windows event logs (.evtx), read chunk by chunk, newest or oldest first.

A log is a ring of 64 KiB chunks that can be read each on its own: reading the newest events costs the same in a
log of a megabyte and of a gigabyte, and a damaged chunk takes no other with it. The chunks go to a worker with limits
(``confined/event_log.py``), which reads them with libevtx: python-evtx was measured 75 times slower, and both can be
made to work for ever by a hostile log.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

from imgtools.engine.confined.event_log import ChunkReader
from imgtools.engine.confined.kinds import Limits
from imgtools.engine.hive import FILETIME_EPOCH
from imgtools.errors import BadImage, OddGuest, ToolMissing
from imgtools.units import parse_count

CHUNK = 65536
FILE_HEADER = 4096
CHUNK_HEADER = 512
MAGIC, CHUNK_MAGIC = b"ElfFile\0", b"ElfChnk\0"
LIMITS = Limits(seconds=None, memory=1 << 30, cpu=20)
CHUNKS_EACH = 256  # chunks (16 MiB of log) that one worker reads: its processor time is limited
MAX_DEATHS = 3  # chunks that may kill their worker before the log is given up
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
    """What could not be read: ``records`` of a chunk, or (UNREADABLE) all of it, and then why."""

    offset: int
    records: int
    reason: str = ""


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


def read_events(
    source: BinaryIO, size: int, *, about: str = "event log", newest_first: bool = False
) -> Generator[EventRecord | Damage, None, None]:
    """Yield the events of a log in the order of their numbers, and what could not be read in between.

    :param size: of the file, in bytes.
    :param about: the log, for messages.
    :raises OddGuest: not an event log.
    :raises ToolMissing: libevtx is not installed.
    """
    chunks = sorted(_chunks(source, size), key=lambda chunk: chunk.first, reverse=newest_first)
    deaths = 0
    for start in range(0, len(chunks), CHUNKS_EACH):
        with ExitStack() as stack:
            worker: ChunkReader | None = None
            for chunk in chunks[start : start + CHUNKS_EACH]:
                if worker is None:
                    worker = ChunkReader(about, LIMITS)
                    stack.callback(worker.end)
                source.seek(chunk.offset)
                try:
                    events, unread = _read_chunk(worker, source.read(CHUNK))
                except BadImage as error:
                    yield Damage(chunk.offset, UNREADABLE, error.message)
                    worker, deaths = None, deaths + 1
                else:
                    yield from reversed(events) if newest_first else events
                    if unread:
                        yield Damage(chunk.offset, unread)
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


def _read_chunk(worker: ChunkReader, chunk: bytes) -> tuple[list[EventRecord], int]:
    """Return the events of a chunk, and how many could not be read."""
    try:
        found, missing = worker.read(chunk.ljust(CHUNK, b"\0"))
    except ImportError:
        raise ToolMissing("libevtx is not installed", hint="pip install libevtx-python") from None
    return [_event(facts) for facts in found], missing


def _event(facts: dict[str, object]) -> EventRecord:
    def text(name: str) -> str:
        value = facts.get(name)
        return value if isinstance(value, str) else ""

    def number(name: str) -> int:
        value = facts.get(name)
        return value if isinstance(value, int) else 0

    pid = text("pid")
    data = facts.get("data")
    return EventRecord(
        (number("time") - FILETIME_EPOCH) * 100,
        number("record"),
        number("event"),
        number("level"),
        text("provider"),
        text("channel"),
        text("host"),
        parse_count(pid),
        tuple((str(name), str(value)) for name, value in (data if isinstance(data, list) else ())),
    )
