"""The entries that come to a guest's logs while a program that runs the guest writes them.

An image is no stream: each look reads the end of every log again, and shows what was not there before. What was there
is known by a number for each entry of the last minutes, so that neither a rotation nor a file that was packed, nor a
journal's next file, is a matter of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import tzinfo

from imgtools.errors import UsageError
from imgtools.files.tree import DAMAGE
from imgtools.guest.find.tree import FileView, view_files
from imgtools.guest.logs.reader import DISORDER, Dated, LogReader, LogWish
from imgtools.guest.logs.which import LogEntry, LogSource
from imgtools.guest.settings.clock import guest_zone
from imgtools.image.handle import open_request
from imgtools.records.request import ImageRequest
from imgtools.records.system import OsInfo, Warned
from imgtools.workflows.log import LogRow, open_rows, os_of, row_of
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
from imgtools.workflows.watched import RUNNING, Watched

MOST_HELD = 200_000  # entries of a log that are held against each other; a number for each


@dataclass(frozen=True, slots=True)
class LogLook:
    """What one look has found, oldest first, in the logs of these names."""

    sources: tuple[str, ...]
    rows: tuple[LogRow, ...]


def follow_log(
    request: ImageRequest, query: LogQuery, *, pause: Callable[[], None], warn: Callable[[Warned], None]
) -> Iterator[LogLook]:
    """Yield the newest entries that ``query`` wants, and then those that are added, for ever.

    The image is opened anew behind each pause, if one of its files has changed.

    :param pause: waits; whatever it raises ends this.
    :param warn: takes what there is to know, once.
    :raises NoSuchGuestFile: the guest has no log of that name, or none at all, when this begins.
    :raises UsageError: an option does not parse, means nothing for one of the logs, or asks for an end.
    """
    if query.until:
        raise UsageError("--until asks for an end, and --follow has none", hint="leave one away")
    follower = _Follower(query)
    request = replace(request, share=True)
    told = _Told(warn)
    with open_request(request) as image:
        view = view_files(image, request)
        told.all((*view.warnings, Warned(RUNNING)))
        watched = Watched(image)
        os, zone = os_of(view), guest_zone(view.files, os_of(view))
        yield follower.first(view, os, zone, told)
    while True:
        pause()
        if not watched.has_changed():
            continue
        try:
            with open_request(request) as image:
                look = follower.next(view._replace(files=image.files(view.mounts)), os, zone, told)
        except DAMAGE as error:  # it is being written: the next look may find it whole
            told.all((Warned(f"cannot be read now: {error.message}"),))
            continue
        if look.rows:
            yield look


class _Told:
    """Passes every warning on once, however often it is found."""

    def __init__(self, warn: Callable[[Warned], None]) -> None:
        self._warn = warn
        self._told: set[Warned] = set()

    def all(self, warnings: Sequence[Warned]) -> None:
        for warning in warnings:
            if warning not in self._told:
                self._told.add(warning)
                self._warn(warning)


class _Follower:
    """What is wanted of the logs, and what was seen of each."""

    def __init__(self, query: LogQuery) -> None:
        self._query = query
        self._matches: Matcher = matcher_of(query)
        self._priority = parse_priority(query.priority) if query.priority else None
        self._wish = LogWish(units=query.units, priority=self._priority, newest_first=True)
        self._seen: dict[str, _Seen] = {}

    def first(self, view: FileView, os: OsInfo, zone: tzinfo, told: _Told) -> LogLook:
        warnings: list[Warned] = []
        sources = choose_logs(view, os, self._query, warnings)
        reader = LogReader(view.files, zone)
        check_options(reader, sources, self._query, self._priority)
        wish = wish_of(reader, sources, self._query, self._priority, zone)
        # Seen before they are printed: what comes in between is printed twice, not never.
        for source in sources:
            self._seen[source.name] = _Seen()
            self._seen[source.name].begin(reader, source, self._wish)
        with closing(
            open_rows(reader, sources, wish, self._matches, self._query.lines, warnings, zone)
        ) as rows:
            found = tuple(rows)
        told.all(warnings)
        return LogLook(tuple(source.name for source in sources), found)

    def next(self, view: FileView, os: OsInfo, zone: tzinfo, told: _Told) -> LogLook:
        warnings: list[Warned] = []
        sources = choose_logs(view, os, self._query, warnings)
        reader = LogReader(view.files, zone)
        added: list[Dated] = []
        for source in sources:
            seen = self._seen.setdefault(source.name, _Seen())
            added += seen.added(reader, source, self._wish, warnings)
        if len(sources) > 1:
            added.sort(key=lambda one: one.time)
        wanted = [one.entry for one in added if is_wanted(one, self._wish) and self._matches(one.entry)]
        told.all(warnings)
        rows = tuple(row_of(entry, zone) for entry in wanted)
        return LogLook(tuple(source.name for source in sources), rows)


class _Seen:
    """The entries of one log since shortly before its newest, as numbers."""

    def __init__(self) -> None:
        self._since: int | None = None
        self._known: Counter[int] = Counter()
        self._newest: LogEntry | None = None

    def begin(self, reader: LogReader, source: LogSource, wish: LogWish) -> None:
        """Take what is there as seen."""
        self._take(reader, source, wish, [])

    def added(
        self, reader: LogReader, source: LogSource, wish: LogWish, warnings: list[Warned]
    ) -> list[Dated]:
        """Return what was not there before, oldest first."""
        known, newest = self._known, self._newest
        found = self._take(reader, source, wish, warnings)
        left, added = known.copy(), []
        for one in reversed(found):  # oldest first: of two that are alike, the older one is the known one
            key = hash(one.entry)
            if left[key] > 0:
                left[key] -= 1
            else:
                added.append(one)
        if newest is not None and added and self._known[hash(newest)] < known[hash(newest)]:
            added[0] = replace(added[0], entry=_grown(newest, added[0].entry))
        if len(added) >= MOST_HELD:
            warnings.append(
                Warned(f"more than {MOST_HELD} new entries at once: older ones are left out", source.name)
            )
        return added

    def _take(
        self, reader: LogReader, source: LogSource, wish: LogWish, warnings: list[Warned]
    ) -> list[Dated]:
        """Read from the newest entry back to shortly before the one that was the newest last time."""
        last = reader.span(source).last
        if self._since is not None and last is not None and last < self._since:
            self._since = None  # the guest's clock was put back
        since = self._since
        found: list[Dated] = []
        with closing(reader.read(source, replace(wish, since=since))) as reading:
            for one in reading:
                if not isinstance(one, Dated):
                    warnings.append(one)
                    continue
                since = one.time - DISORDER if since is None else since
                if one.time >= since:
                    found.append(one)
                if one.time < since - DISORDER or len(found) >= MOST_HELD:
                    break
        newest = found[0].time if found else last
        if newest is not None:
            self._since = max(newest - DISORDER, self._since or 0)
        self._newest = found[0].entry if found else None
        self._known = Counter(hash(one.entry) for one in found)
        return found


def _grown(before: LogEntry, now: LogEntry) -> LogEntry:
    """Return the lines that came to an entry whose first ones have been shown; another entry as it is."""
    is_longer = now.message.startswith(f"{before.message}\n")
    if not is_longer or replace(now, message=before.message) != before:
        return now
    return replace(now, message=now.message[len(before.message) + 1 :])
