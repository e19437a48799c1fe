"""Which entries of which logs are wanted, and whether one is."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial

from imgtools.errors import NoSuchGuestFile, ToolMissing, UsageError
from imgtools.guest.find.tree import FileView
from imgtools.guest.logs.reader import Dated, LogReader, LogWish, require_reader
from imgtools.guest.logs.which import LogEntry, LogKind, LogSource, find_logs, main_logs, select_log
from imgtools.guest.settings.clock import parse_moment
from imgtools.records.system import OsInfo, Warned

PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")  # syslog(3), 0 first
OTHER_NAMES = {"panic": 0, "emergency": 0, "critical": 2, "error": 3, "warn": 4, "information": 6}


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


# -- choosing --------------------------------------------------------------------------------------------------


def choose_logs(view: FileView, os: OsInfo, query: LogQuery, warnings: list[Warned]) -> tuple[LogSource, ...]:
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


def check_options(
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


def wish_of(
    reader: LogReader, sources: Sequence[LogSource], query: LogQuery, priority: int | None, zone: tzinfo
) -> LogWish:
    """Return what is asked for in times and numbers.

    :raises UsageError: a moment does not parse, or the first is later than the last.
    """
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


def matcher_of(query: LogQuery) -> Matcher:
    """Return what says whether an entry has what --grep and --unit want.

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


def is_wanted(dated: Dated, wish: LogWish) -> bool:
    """Whether an entry has the time and the priority that are asked for."""
    entry = dated.entry
    if wish.since is not None and dated.time < wish.since:
        return False
    if wish.until is not None and dated.time > wish.until:
        return False
    return wish.priority is None or (entry.priority is not None and entry.priority <= wish.priority)
