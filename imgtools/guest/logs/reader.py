"""Read the entries of a guest's logs, oldest or newest first, never holding more than a few of them."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from itertools import islice
from typing import BinaryIO

from imgtools.engine.evtx import Damage, EventRecord, read_events, read_span
from imgtools.engine.journal import (
    HEADER_SIZE,
    JournalEntry,
    JournalWish,
    copy_journal,
    read_journal,
    read_journal_header,
)
from imgtools.engine.process import ToolFailed, require
from imgtools.engine.stream import read_lines
from imgtools.engine.unpack import beginning, is_utf16, unpack, unpack_forwards
from imgtools.errors import GuestFileError, OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.logs.lines import LINE_LIMIT, group_backwards, group_forwards, lines_backwards
from imgtools.guest.logs.which import LogEntry, LogFile, LogKind, LogSource
from imgtools.guest.settings.clock import SECOND, Clock
from imgtools.guest.windows.events import PRIORITIES, describe_event
from imgtools.records.system import Warned

SAMPLE = 64 << 10  # bytes that say which format a text log has
# Entries of one log may be this much out of order; a reader that goes back in time stops only after it.
DISORDER = 600 * SECOND


@dataclass(frozen=True, slots=True)
class LogWish:
    """Which entries are wanted; None and empty mean all. Times are nanoseconds since 1970.

    ``since``, ``until`` and ``priority`` save reading what is not wanted; who asks must still look at what comes.
    """

    since: int | None = None
    until: int | None = None
    units: tuple[str, ...] = ()
    priority: int | None = None
    newest_first: bool = False


@dataclass(frozen=True, slots=True)
class Dated:
    """An entry and the time that orders it among the entries of other logs: its own, or that of its neighbour."""

    time: int
    entry: LogEntry


@dataclass(frozen=True, slots=True)
class LogSpan:
    """The times that a log covers; None where no entry says a time. ``entries`` is None where nobody counts them."""

    first: int | None
    last: int | None
    entries: int | None = None


_CONTROL = bytes(set(range(1, 32)) - set(b"\t\n\r\b\f\x1b"))
Found = Dated | Warned
Reading = Generator[Found, None, None]


def require_reader(source: LogSource) -> None:
    """See that the host can read this kind of log.

    :raises ToolMissing: it lacks a program.
    """
    if source.kind is LogKind.JOURNAL:
        require("journalctl")


class LogReader:
    """Reads logs of one guest.

    :param zone: of the guest, for times without an offset.
    """

    def __init__(self, files: GuestReader, zone: tzinfo) -> None:
        self._files = files
        self._zone = zone

    def read(self, source: LogSource, wish: LogWish) -> Reading:
        """Yield the entries of one log in the order that ``wish`` wants, and warnings about what is not readable.

        :raises ToolMissing: journalctl, zstd or libevtx is needed and not installed.
        :raises HostError: no room for a copy of a journal.
        """
        if source.kind is LogKind.JOURNAL:
            return self._read_journal(source, wish)
        if source.kind is LogKind.EVENTS:
            return self._read_events(source, wish)
        return self._read_text(source, wish)

    # -- journals ------------------------------------------------------------------------------------------

    def _read_journal(self, source: LogSource, wish: LogWish) -> Reading:
        """Merge the files of a journal; each is copied and read only when its time has come."""
        parts: list[tuple[int, Callable[[], Reading]]] = []
        entries = 0
        for file in source.files:
            with self._files.open(file.path) as stream:
                head = stream.read(HEADER_SIZE)
            header = read_journal_header(head)
            entries += header.entries if header is not None else 0
            if header is None:
                yield Warned(_no_journal(head), file.path)
            elif header.entries and _overlaps(header.first, header.last, wish):
                bound = header.last if wish.newest_first else header.first
                parts.append((bound, partial(self._journal_file, source.name, file, wish)))
        if not entries:
            yield Warned("the journal has no entries", source.files[0].path)
        yield from merge_lazily(parts, newest_first=wish.newest_first)

    def _journal_file(self, name: str, file: LogFile, wish: LogWish) -> Reading:
        asked = JournalWish(wish.since, wish.until, wish.units, wish.priority, wish.newest_first)
        with self._files.open(file.path) as stream, copy_journal(stream) as copy:
            try:
                for entry in read_journal(copy, asked):
                    yield Dated(entry.time, _of_journal(name, entry))
            except ToolFailed as error:
                yield Warned(f"journalctl stopped reading: {error.done.complaint}", file.path)

    # -- Windows events ------------------------------------------------------------------------------------

    def _read_events(self, source: LogSource, wish: LogWish) -> Reading:
        (file,) = source.files
        lost = 0
        with self._files.open(file.path) as stream:
            try:
                for found in read_events(stream, file.size, about=file.path, newest_first=wish.newest_first):
                    if isinstance(found, Damage):
                        if found.reason:
                            yield Warned(found.reason, file.path)
                        lost += 1
                        continue
                    if _is_past(found.time, wish):
                        break
                    yield Dated(found.time, _of_event(source.name, found))
            except OddGuest as error:
                yield Warned(error.message, file.path)
        if lost:
            yield Warned(
                f"damaged: records of {lost} chunk{'s' if lost > 1 else ''} could not be read", file.path
            )

    # -- text ----------------------------------------------------------------------------------------------

    def _read_text(self, source: LogSource, wish: LogWish) -> Reading:
        order = source.files if wish.newest_first else tuple(reversed(source.files))
        for file in order:
            # What was put aside before the time that is wanted was last written before it, too.
            if wish.since is not None and file is not source.files[0] and file.mtime + DISORDER < wish.since:
                if wish.newest_first:
                    return
                continue
            past = False
            for found in self._text_file(source.name, file, wish):
                past = isinstance(found, Dated) and _is_past(found.time, wish)
                if past:
                    break
                yield found
            if past:
                return

    def _text_file(self, name: str, file: LogFile, wish: LogWish) -> Reading:
        try:
            with self._files.open(file.path) as source:
                # Looked at first: gigabytes that are no log are not unpacked to find that out.
                head = beginning(source, file.ending, SAMPLE)
                if not (is_utf16(head) or _is_text(head)):
                    yield Warned("not text: left out", file.path)
                    return
                if not (file.ending or is_utf16(head)):
                    yield from self._entries(name, file, source, newest_first=wish.newest_first)
                    return
                opened = unpack if wish.newest_first else unpack_forwards
                with opened(source, file.ending) as (stream, unpacked):
                    yield from self._entries(name, file, stream, newest_first=wish.newest_first)
                    if unpacked.problem:
                        yield Warned(unpacked.problem, file.path)
        except GuestFileError as error:
            yield Warned(error.message, file.path)

    def _entries(self, name: str, file: LogFile, stream: BinaryIO, *, newest_first: bool) -> Iterator[Dated]:
        clock = Clock(self._zone, file.mtime if file.mtime > 0 else time.time_ns())
        if newest_first:
            heads = group_backwards(lines_backwards(stream), clock)
        else:
            heads = group_forwards(read_lines(stream, limit=LINE_LIMIT), clock)
        last = None
        for head in heads:
            # A line without a time has its neighbour's.
            last = head.time if head.time is not None else last
            entry = LogEntry(
                head.time, name, head.message, head.host, head.identifier, head.pid, "", head.priority
            )
            yield Dated(file.mtime if last is None else last, entry)

    # -- facts about a log -------------------------------------------------------------------------------------

    def sample(self, source: LogSource) -> list[LogEntry]:
        """Return the newest entries of a text log: they show what its lines tell."""
        for file in source.files:
            with closing(self._text_file(source.name, file, LogWish(newest_first=True))) as reading:
                entries = (found.entry for found in reading if isinstance(found, Dated))
                if found := list(islice(entries, 100)):
                    return found
        return []

    def span(self, source: LogSource) -> LogSpan:
        """Return the times that a log covers, from its headers or its first and last lines."""
        if source.kind is LogKind.JOURNAL:
            return self._journal_span(source)
        if source.kind is LogKind.EVENTS:
            return self._event_span(source.files[0])
        oldest = (self._edge(file, newest_first=False) for file in reversed(source.files))
        newest = (self._edge(file, newest_first=True) for file in source.files)
        return LogSpan(
            next((time for time in oldest if time is not None), None),
            next((time for time in newest if time is not None), None),
        )

    def _journal_span(self, source: LogSource) -> LogSpan:
        headers = []
        for file in source.files:
            with self._files.open(file.path) as stream:
                header = read_journal_header(stream.read(HEADER_SIZE))
            if header is not None and header.entries:
                headers.append(header)
        if not headers:
            return LogSpan(None, None, 0)
        first, last = min(header.first for header in headers), max(header.last for header in headers)
        return LogSpan(first, last, sum(header.entries for header in headers))

    def _event_span(self, file: LogFile) -> LogSpan:
        with self._files.open(file.path) as stream:
            try:
                span = read_span(stream, file.size)
            except OddGuest:
                return LogSpan(None, None)
        return LogSpan(span.first or None, span.last or None, span.records)

    def _edge(self, file: LogFile, *, newest_first: bool) -> int | None:
        """The time of the first or last entry of a text file that has one, among a hundred."""
        reading = self._text_file("", file, LogWish(newest_first=newest_first))
        with closing(reading):
            for count, found in enumerate(reading):
                if isinstance(found, Dated) and found.entry.time is not None:
                    return found.entry.time
                if count > 100:
                    break
        return None


def _no_journal(head: bytes) -> str:
    """Say what stands in the place of a journal's header."""
    if not head.strip(b"\0"):
        what = "empty" if not head else "nothing but zeros where a journal begins: it never reached the disk"
        return f"{what}: left out"
    return "not a journal, or damaged: left out"


def _is_text(sample: bytes) -> bool:
    """Whether these bytes are lines of text; a crash leaves runs of NULs in a log that was being written."""
    if b"\0" in sample and b"\n" not in sample:
        return False
    written = sample.replace(b"\0", b"")
    control = len(written) - len(written.translate(None, _CONTROL))
    return control * 20 <= len(written)


def _overlaps(first: int, last: int, wish: LogWish) -> bool:
    return (wish.since is None or last >= wish.since) and (wish.until is None or first <= wish.until)


def _is_past(time: int, wish: LogWish) -> bool:
    """Whether a reader that has come to ``time`` will meet nothing more that is wanted."""
    if wish.newest_first:
        return wish.since is not None and time < wish.since - DISORDER
    return wish.until is not None and time > wish.until + DISORDER


def _of_journal(source: str, entry: JournalEntry) -> LogEntry:
    return LogEntry(
        entry.time, source, entry.message, entry.host, entry.identifier, entry.pid, entry.unit, entry.priority
    )


def _of_event(source: str, event: EventRecord) -> LogEntry:
    return LogEntry(
        event.time,
        source,
        describe_event(event.provider, event.event_id, event.data),
        event.host,
        event.provider,
        event.pid,
        priority=PRIORITIES.get(event.level, 6),
        event_id=event.event_id,
    )


# -- several logs as one ---------------------------------------------------------------------------------------


def merge_lazily(parts: Iterable[tuple[int, Callable[[], Reading]]], *, newest_first: bool) -> Reading:
    """Merge readings by time. A part is begun only when the merge has come to its bound.

    :param parts: for each reading, a time that none of its entries is beyond (in the direction of reading), and how
        to begin it.
    """
    sign = -1 if newest_first else 1
    waiting = sorted(parts, key=lambda part: sign * part[0], reverse=True)
    heap: list[tuple[int, int, Dated, Reading]] = []
    count = 0
    with ExitStack() as stack:
        while waiting or heap:
            if waiting and (not heap or sign * waiting[-1][0] <= heap[0][0]):
                reading = stack.enter_context(closing(waiting.pop()[1]()))
            else:
                _, _, dated, reading = heapq.heappop(heap)
                yield dated
            for found in reading:
                if isinstance(found, Dated):
                    count += 1
                    heapq.heappush(heap, (sign * found.time, count, found, reading))
                    break
                yield found
