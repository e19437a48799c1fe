"""The logs of a guest in one stream: choose, filter, merge by time."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial

from imgtools.errors import NoSuchGuestFile, ToolMissing, UsageError
from imgtools.guest.find.tree import FileView, view_files
from imgtools.guest.logs.reader import Dated, LogReader, LogWish, Reading, merge_lazily, require_reader
from imgtools.guest.logs.which import LogEntry, LogKind, LogSource, find_logs, main_logs, select_log
from imgtools.guest.settings.clock import SECOND, guest_zone, parse_moment
from imgtools.image.handle import open_request
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import OsInfo, OsType, Warned

PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")  # syslog(3), 0 first
OTHER_NAMES = {"panic": 0, "emergency": 0, "critical": 2, "error": 3, "warn": 4, "information": 6}
BEGINNING, END = 0, 1 << 63


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which entries of which logs. Empty means all; moments are as people write them, see ``parse_moment``."""

    sources: tuple[str, ...] = ()  # names or paths; none: the main log
    since: str = ""
    until: str = ""
    units: tuple[str, ...] = ()
    priority: str = ""  # a name or number: this and more urgent
    grep: str = ""  # Python regular expression, searched in message, program and host
    ignore_case: bool = False
    lines: int | None = 200  # the newest; None: all


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
    matches = _matcher(query)
    priority = parse_priority(query.priority) if query.priority else None
    with open_request(request) as image:
        view = view_files(image, request)
        warnings = list(view.warnings)
        os = _os(view)
        sources = _choose(view, os, query, warnings)
        zone = guest_zone(view.files, os)
        reader = LogReader(view.files, zone)
        _check_options(reader, sources, query, priority)
        wish = _wish(reader, sources, query, priority, zone)
        with closing(_rows(reader, sources, wish, matches, query.lines, warnings, zone)) as rows:
            names = tuple(source.name for source in sources)
            yield OpenLog(request.name, view.files.served_by, names, rows, warnings)


def list_logs(request: ImageRequest) -> LogListReport:
    """Return every log of the guest with its size and the times that it covers."""
    with open_request(request) as image:
        view = view_files(image, request)
        os = _os(view)
        sources = find_logs(view.files, os)
        main = {source.name for source in main_logs(sources)}
        reader = LogReader(view.files, guest_zone(view.files, os))
        logs = tuple(_info(reader, source, source.name in main) for source in sources)
        return LogListReport(request.name, view.files.served_by, logs, view.warnings)


def _os(view: FileView) -> OsInfo:
    return view.guest.os if view.guest is not None else OsInfo(OsType.UNKNOWN)


def _info(reader: LogReader, source: LogSource, main: bool) -> LogInfo:
    span = reader.span(source)
    first, last = format_moment(span.first), format_moment(span.last)
    newest = source.files[0].path
    return LogInfo(
        source.name, source.kind, newest, len(source.files), source.size, first, last, span.entries, main
    )


# -- choosing --------------------------------------------------------------------------------------------------


def _choose(view: FileView, os: OsInfo, query: LogQuery, warnings: list[Warned]) -> tuple[LogSource, ...]:
    """Return the logs that were named, or the main one: another if the host cannot read that."""
    sources = find_logs(view.files, os)
    if query.sources:
        named = (view.path(name) if _is_path(name) else name for name in query.sources)
        return tuple(dict.fromkeys(select_log(view.files, sources, name) for name in named))
    chosen = main_logs(sources)
    try:
        for source in chosen:
            require_reader(source)
    except ToolMissing as error:
        others = main_logs(source for source in sources if source.kind is LogKind.TEXT)
        if not others:
            raise
        warnings.append(
            Warned(f"{error.message}: showing {others[0].name}, not {chosen[0].name} ({error.hint})")
        )
        chosen = others
    if not chosen:
        raise NoSuchGuestFile(
            "the guest keeps no logs",
            hint="nothing in /var/log, no journal, no event logs; name a file with --source",
        )
    return chosen


def _is_path(name: str) -> bool:
    return name.startswith("/") or re.match(r"[A-Za-z]:[\\/]", name) is not None


def parse_priority(text: str) -> int:
    """Return syslog's number (0 most urgent) for a priority's name or number.

    :raises UsageError: there is no such priority.
    """
    word = text.strip().lower()
    if word in PRIORITIES:
        return PRIORITIES.index(word)
    if word in OTHER_NAMES:
        return OTHER_NAMES[word]
    if len(word) == 1 and word in "01234567":
        return int(word)
    raise UsageError(f"no such priority: {text!r}", hint=f"0-7, or {', '.join(PRIORITIES)}")


def _check_options(
    reader: LogReader, sources: Sequence[LogSource], query: LogQuery, priority: int | None
) -> None:
    """Refuse a filter that would hide everything because a log's lines do not tell what it asks for."""
    for source in sources:
        if source.kind is not LogKind.TEXT or not (query.units or priority is not None):
            continue
        sample = reader.sample(source)
        if sample and query.units and not any(entry.identifier for entry in sample):
            raise UsageError(
                f"--unit means nothing for {source.name}: its lines name no program", hint="use --grep"
            )
        if sample and priority is not None and all(entry.priority is None for entry in sample):
            raise UsageError(
                f"--priority means nothing for {source.name}: its lines have none",
                hint="the systemd journal and Windows' event logs have; or use --grep 'error|fail'",
            )


def _wish(
    reader: LogReader, sources: Sequence[LogSource], query: LogQuery, priority: int | None, zone: tzinfo
) -> LogWish:
    since = until = None
    if query.since or query.until:
        lasts = [span.last for source in sources if (span := reader.span(source)).last is not None]
        newest = max(
            (last for last in lasts if last is not None), default=max(s.files[0].mtime for s in sources)
        )
        since = parse_moment(query.since, newest, zone) if query.since else None
        until = parse_moment(query.until, newest, zone) if query.until else None
        if since is not None and until is not None and since > until:
            raise UsageError(f"--since {query.since} is later than --until {query.until}")
    return LogWish(since, until, query.units, priority, newest_first=query.lines is not None)


# -- filtering -------------------------------------------------------------------------------------------------

Matcher = Callable[[LogEntry], bool]


def _matcher(query: LogQuery) -> Matcher:
    """Return whether an entry has what --grep and --unit want.

    :raises UsageError: --grep is no regular expression.
    """
    tests: list[Matcher] = []
    if query.grep:
        try:
            search = re.compile(query.grep, re.IGNORECASE if query.ignore_case else 0).search
        except re.error as error:
            raise UsageError(f"not a regular expression: {query.grep}: {error}") from None
        tests.append(
            lambda entry: any(search(text) for text in (entry.message, entry.identifier, entry.host))
        )
    if query.units:
        tests.append(partial(_has_unit, query.units))
    return lambda entry: all(test(entry) for test in tests)


def _has_unit(units: Sequence[str], entry: LogEntry) -> bool:
    """Whether an entry is of one of the units: what journalctl chose is; elsewhere the program's name decides.

    ``ssh`` also finds ``sshd``: a unit and its daemon often differ by that letter.
    """
    if entry.source == "journal" or entry.unit:
        return True
    program = entry.identifier.casefold()
    names = [unit.casefold().removesuffix(".service") for unit in units]
    return any(fnmatch.fnmatchcase(program, name) or program == f"{name}d" for name in names)


def _is_wanted(dated: Dated, wish: LogWish) -> bool:
    entry = dated.entry
    if wish.since is not None and dated.time < wish.since:
        return False
    if wish.until is not None and dated.time > wish.until:
        return False
    return wish.priority is None or (entry.priority is not None and entry.priority <= wish.priority)


# -- reading ---------------------------------------------------------------------------------------------------


def _rows(
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
        yield from (_row(entry, zone) for entry in entries)
        return
    found: list[LogEntry] = []
    with closing(entries):
        while len(found) < lines and (entry := next(entries, None)) is not None:
            found.append(entry)
    yield from (_row(entry, zone) for entry in reversed(found))


def _entries(
    reading: Reading, wish: LogWish, matches: Matcher, warnings: list[Warned]
) -> Generator[LogEntry, None, None]:
    with closing(reading):
        for found in reading:
            if not isinstance(found, Dated):
                warnings.append(found)
            elif _is_wanted(found, wish) and matches(found.entry):
                yield found.entry


def _row(entry: LogEntry, zone: tzinfo) -> LogRow:
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
