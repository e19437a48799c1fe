"""The logs of a guest in one stream: choose, filter, merge by time."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial

from imgtools.guest.find.tree import FileView, view_files
from imgtools.guest.logs.reader import Dated, LogReader, LogWish, Reading, merge_lazily
from imgtools.guest.logs.which import LogEntry, LogKind, LogSource, find_logs, main_logs
from imgtools.guest.settings.clock import SECOND, guest_zone
from imgtools.image.handle import open_request
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import OsInfo, OsType, Warned
from imgtools.workflows.log_query import (
    LogQuery,
    Matcher,
    check_options,
    choose_logs,
    is_wanted,
    matcher_of,
    parse_priority,
    wish_of,
)

BEGINNING, END = 0, 1 << 63


@dataclass(frozen=True, slots=True)
class LogRow:
    """One entry. Times are RFC 3339: in UTC with microseconds, and as the guest's clock showed it."""

    time: str | None
    local_time: str | None
    source: str
    host: str
    unit: str
    identifier: str
    pid: int | None
    priority: int | None
    event_id: int | None
    message: str


@dataclass(frozen=True, slots=True)
class LogReport:
    """The entries asked for, oldest first."""

    image: str
    engine: Engine
    sources: tuple[str, ...]
    entries: tuple[LogRow, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class LogInfo:
    """One log of the guest. Times are RFC 3339 in UTC; ``entries`` is None where nobody counts them."""

    name: str
    kind: LogKind
    path: str  # of its newest file
    files: int
    size: int
    first: str | None
    last: str | None
    entries: int | None
    main: bool  # shown when none is named


@dataclass(frozen=True, slots=True)
class LogListReport:
    """Every log of the guest."""

    image: str
    engine: Engine
    logs: tuple[LogInfo, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(slots=True)
class OpenLog:
    """Logs being read. ``rows`` are made as they are taken; ``warnings`` are complete when the rows have ended."""

    image: str
    engine: Engine
    sources: tuple[str, ...]
    rows: Iterator[LogRow]
    warnings: list[Warned] = field(default_factory=list)

    def report(self) -> LogReport:
        """Read everything and return it."""
        entries = tuple(self.rows)
        return LogReport(self.image, self.engine, self.sources, entries, tuple(self.warnings))


@contextmanager
def open_log(request: ImageRequest, query: LogQuery) -> Iterator[OpenLog]:
    """Open the logs that ``query`` names, or the guest's main log, for reading oldest entry first.

    With ``query.lines``, no more than these entries are held; without, one at a time.

    :raises NoSuchGuestFile: the guest has no log of that name, or none at all.
    :raises UsageError: an option does not parse, or means nothing for one of the logs.
    """
    matches = matcher_of(query)
    priority = parse_priority(query.priority) if query.priority else None
    with open_request(request) as image:
        view = view_files(image, request)
        warnings = list(view.warnings)
        os = os_of(view)
        sources = choose_logs(view, os, query, warnings)
        zone = guest_zone(view.files, os)
        reader = LogReader(view.files, zone)
        check_options(reader, sources, query, priority)
        wish = wish_of(reader, sources, query, priority, zone)
        with closing(open_rows(reader, sources, wish, matches, query.lines, warnings, zone)) as rows:
            names = tuple(source.name for source in sources)
            yield OpenLog(request.name, view.files.served_by, names, rows, warnings)


def list_logs(request: ImageRequest) -> LogListReport:
    """Return every log of the guest with its size and the times that it covers."""
    with open_request(request) as image:
        view = view_files(image, request)
        os = os_of(view)
        sources = find_logs(view.files, os)
        main = {source.name for source in main_logs(sources)}
        reader = LogReader(view.files, guest_zone(view.files, os))
        logs = tuple(_info(reader, source, source.name in main) for source in sources)
        return LogListReport(request.name, view.files.served_by, logs, view.warnings)


def os_of(view: FileView) -> OsInfo:
    """Return whose logs are read; a disk without a system has no own ones."""
    return view.guest.os if view.guest is not None else OsInfo(OsType.UNKNOWN)


def _info(reader: LogReader, source: LogSource, main: bool) -> LogInfo:
    span = reader.span(source)
    first, last = format_moment(span.first), format_moment(span.last)
    newest = source.files[0].path
    return LogInfo(
        source.name, source.kind, newest, len(source.files), source.size, first, last, span.entries, main
    )


# -- reading ---------------------------------------------------------------------------------------------------


def open_rows(
    reader: LogReader,
    sources: Sequence[LogSource],
    wish: LogWish,
    matches: Matcher,
    lines: int | None,
    warnings: list[Warned],
    zone: tzinfo,
) -> Generator[LogRow, None, None]:
    """Yield rows, oldest first. Counted rows are looked for from the newest entry backwards."""
    # Every log is begun at once: where it starts is known only by reading.
    bound = END if wish.newest_first else BEGINNING
    parts = [(bound, partial(reader.read, source, wish)) for source in sources]
    entries = _entries(merge_lazily(parts, newest_first=wish.newest_first), wish, matches, warnings)
    if lines is None:
        yield from (row_of(entry, zone) for entry in entries)
        return
    found: list[LogEntry] = []
    with closing(entries):
        while len(found) < lines and (entry := next(entries, None)) is not None:
            found.append(entry)
    yield from (row_of(entry, zone) for entry in reversed(found))


def _entries(
    reading: Reading, wish: LogWish, matches: Matcher, warnings: list[Warned]
) -> Generator[LogEntry, None, None]:
    with closing(reading):
        for found in reading:
            if not isinstance(found, Dated):
                warnings.append(found)
            elif is_wanted(found, wish) and matches(found.entry):
                yield found.entry


def row_of(entry: LogEntry, zone: tzinfo) -> LogRow:
    """Return an entry as it is shown, with its time in the guest's zone."""
    return LogRow(
        format_moment(entry.time),
        format_local(entry.time, zone),
        entry.source,
        entry.host,
        entry.unit,
        entry.identifier,
        entry.pid,
        entry.priority,
        entry.event_id,
        entry.message,
    )


def format_moment(nanoseconds: int | None) -> str | None:
    """Write a time as RFC 3339 in UTC, with microseconds."""
    text = format_local(nanoseconds, UTC)
    return text and f"{text[:19]}.{(nanoseconds or 0) % SECOND // 1000:06d}Z"


def format_local(nanoseconds: int | None, zone: tzinfo) -> str | None:
    """Write a time as RFC 3339 in ``zone``, with seconds; None for a time that no calendar holds."""
    if nanoseconds is None:
        return None
    try:
        return datetime.fromtimestamp(nanoseconds // SECOND, zone).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None
