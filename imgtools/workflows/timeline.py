"""What happened in a guest, and when: times of files, packages, logins and logs in one order."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo

from imgtools.errors import ToolMissing, UsageError
from imgtools.files.refused import RefusedFiles
from imgtools.files.tree import GuestReader
from imgtools.guest.find.tree import FileView, view_files
from imgtools.guest.logs.logins import read_logins
from imgtools.guest.logs.reader import Dated, LogReader, LogWish, require_reader
from imgtools.guest.logs.utmp import LoginRecord
from imgtools.guest.logs.which import LogKind, LogSource, find_logs
from imgtools.guest.packages.history import PackageEvent, read_package_history
from imgtools.guest.settings.clock import guest_zone, parse_moment
from imgtools.image.handle import open_request
from imgtools.records.files import FileKind, FileStat
from imgtools.records.found import FoundFile
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import OsInfo, OsType, Warned
from imgtools.records.timeline import Happening, TimelineEntry, TimelineFile
from imgtools.workflows.log import format_moment
from imgtools.workflows.timeline_sort import Row, sorted_rows

# Logs that tell of packages: told as such.
OF_PACKAGES = frozenset({"dpkg", "pacman", "apk"})
NEWEST_SIGNS = (
    "/var/log",
    "/var/lib",
    "/etc",
    "/Windows/System32/config",
    "/",
)  # where a system writes while it runs
KINDS = tuple(FileKind)


@dataclass(frozen=True, slots=True)
class TimelineWish:
    """What is told. Empty means all; moments are as people write them, see ``parse_moment``."""

    kinds: tuple[Happening, ...] = ()
    since: str = ""
    until: str = ""
    path: str = "/"  # of files: this one with all below it
    atime: bool = False  # also when files were read

    def has(self, kind: Happening) -> bool:
        """Whether a kind is wanted."""
        return not self.kinds or kind in self.kinds


@dataclass(frozen=True, slots=True)
class TimelineReport:
    """What happened, the oldest first. ``incomplete``: something could not be read; the warnings say what."""

    image: str
    engine: Engine
    entries: tuple[TimelineEntry, ...]
    warnings: tuple[Warned, ...] = ()
    incomplete: bool = False


@dataclass(slots=True)
class OpenTimeline:
    """A timeline being read. ``entries`` are made as they are taken; warnings are known when they have ended."""

    image: str
    engine: Engine
    entries: Iterator[TimelineEntry]
    files: Iterator[FoundFile]  # in place of ``entries``, every file in the order of a walk
    refused: RefusedFiles
    known: list[Warned] = field(default_factory=list)
    lost: list[Warned] = field(default_factory=list)  # what could not be read of logs

    def report(self, entries: Iterable[TimelineEntry] | None = None) -> TimelineReport:
        """Return the report with all entries, or with those that are given."""
        held = tuple(self.entries if entries is None else entries)
        warnings = tuple(dict.fromkeys((*self.known, *self.lost, *self.refused.warnings)))
        return TimelineReport(self.image, self.engine, held, warnings, bool(self.refused) or bool(self.lost))


def timeline(request: ImageRequest, wish: TimelineWish | None = None) -> TimelineReport:
    """Tell what happened in a guest and hold all of it; else as :func:`open_timeline`."""
    with open_timeline(request, wish) as opened:
        return opened.report()


@contextmanager
def open_timeline(request: ImageRequest, wish: TimelineWish | None = None) -> Iterator[OpenTimeline]:
    """Tell what happened in a guest, the oldest first, one entry at a time.

    :raises UsageError: a moment is none, or the first is later than the last.
    :raises NoSuchGuestFile: the path is not there.
    """
    wish = wish or TimelineWish()
    with open_request(request) as image:
        view = view_files(image, request)
        found = OpenTimeline(
            request.name,
            view.files.served_by,
            iter(()),
            iter(()),
            RefusedFiles(),
            list(view.warnings),
        )
        teller = _Teller(view, wish, found)
        found.files = teller.walk()
        with closing(teller.entries()) as entries:
            found.entries = entries
            yield found


class _Teller:
    """Asks everything in a guest that knows a time."""

    def __init__(self, view: FileView, wish: TimelineWish, found: OpenTimeline) -> None:
        self._files: GuestReader = view.files
        self._os = view.guest.os if view.guest is not None else OsInfo(OsType.UNKNOWN)
        self._wish = wish
        self._found = found
        self._zone: tzinfo = guest_zone(view.files, self._os)
        self._top = view.files.resolve(view.path(wish.path))
        self._logs = self._sources()
        self._reader = LogReader(view.files, self._zone)
        self._since, self._until = self._span()

    # -- which ---------------------------------------------------------------------------------------------

    def _sources(self) -> tuple[LogSource, ...]:
        """The logs to read; those that the host cannot read are told of, and left out."""
        events = self._os.type is OsType.WINDOWS
        chosen = []
        for source in find_logs(self._files, self._os):
            kind = Happening.EVENT if source.kind is LogKind.EVENTS else Happening.LOG
            if not self._wish.has(kind) or (not events and source.name in OF_PACKAGES):
                continue
            try:
                require_reader(source)
            except ToolMissing as error:
                self._found.lost.append(Warned(f"not read: {error.message}", source.files[0].path))
                continue
            chosen.append(source)
        return tuple(chosen)

    def _span(self) -> tuple[int | None, int | None]:
        """The moments that are wanted. What is relative counts from the last sign of life of the guest."""
        wish = self._wish
        if not (wish.since or wish.until):
            return None, None
        newest = self._newest()
        since = parse_moment(wish.since, newest, self._zone) if wish.since else None
        until = parse_moment(wish.until, newest, self._zone) if wish.until else None
        if since is not None and until is not None and since > until:
            raise UsageError(f"--since {wish.since} is later than --until {wish.until}")
        return since, until

    def _newest(self) -> int:
        lasts = [span.last for one in self._logs if (span := self._reader.span(one)).last is not None]
        if known := [last for last in lasts if last is not None]:
            return max(known)
        stats = (self._files.lstat(path) for path in (*NEWEST_SIGNS, self._top))
        return max(max(one.mtime, one.ctime) for one in stats if one is not None)

    def _is_wanted(self, time: int) -> bool:
        return (self._since is None or time >= self._since) and (self._until is None or time <= self._until)

    # -- what ----------------------------------------------------------------------------------------------

    def entries(self) -> Generator[TimelineEntry, None, None]:
        """Yield everything, the oldest first."""
        with closing(self._rows()) as rows:
            for row in sorted_rows(one for one in rows if self._is_wanted(one.time)):
                yield _entry(row)

    def walk(self) -> Generator[FoundFile, None, None]:
        """Yield every file; one whose inode is damaged is told of, and left out."""
        for one in self._files.walk(self._top, self._found.refused):
            if one.stat.kind is FileKind.UNKNOWN:
                self._found.refused.note_inode(one)
            else:
                yield one

    def _rows(self) -> Generator[Row, None, None]:
        linux = self._os.type is not OsType.WINDOWS
        if self._wish.has(Happening.FILE):
            for one in self.walk():
                yield from _of_file(one, atime=self._wish.atime)
        if linux and self._wish.has(Happening.PACKAGE):
            for event in read_package_history(self._files, self._zone):
                if isinstance(event, PackageEvent):
                    yield _of_package(event)
                else:
                    self._found.lost.append(event)
        if linux and self._wish.has(Happening.LOGIN):
            for record in read_logins(self._files, self._os.arch):
                if isinstance(record, Warned):
                    self._found.lost.append(record)
                else:
                    yield _of_login(*record)
        for source in self._logs:
            yield from self._of_log(source)

    def _of_log(self, source: LogSource) -> Generator[Row, None, None]:
        kind = Happening.EVENT if source.kind is LogKind.EVENTS else Happening.LOG
        timeless = 0
        with closing(self._reader.read(source, LogWish(self._since, self._until))) as reading:
            for found in reading:
                if not isinstance(found, Dated):
                    self._found.lost.append(found)
                    continue
                entry = found.entry
                if entry.time is None:
                    timeless += 1
                    continue
                who = entry.identifier if entry.event_id is None else f"{entry.identifier} {entry.event_id}"
                yield Row(entry.time, source.name, kind, who, entry.message)
        if timeless:
            self._found.known.append(
                Warned(f"{timeless} entries say no time: left out", source.files[0].path)
            )


def file_times(stat: FileStat, *, atime: bool = False) -> list[tuple[int, str]]:
    """Return the times of a file, equal ones together, as mactime writes which they are: ``m.c.``, ``...b``."""
    known = {"m": stat.mtime, "c": stat.ctime} | ({"a": stat.atime} if atime else {})
    known |= {"b": stat.crtime} if stat.crtime else {}
    return [
        (time, "".join(letter if known.get(letter) == time else "." for letter in "macb"))
        for time in sorted(set(known.values()))
    ]


def _of_file(found: FoundFile, *, atime: bool) -> Iterator[Row]:
    stat = found.stat
    numbers = (KINDS.index(stat.kind), stat.size, stat.mode, stat.uid, stat.gid, stat.inode)
    for time, what in file_times(stat, atime=atime):
        yield Row(time, found.path, Happening.FILE, what, "", numbers)


def _of_package(found: PackageEvent) -> Row:
    versions = " -> ".join(version for version in (found.old, found.new) if version)
    text = f"{found.name} {versions}".rstrip()
    return Row(found.time, found.path, Happening.PACKAGE, found.action, text)


def _of_login(path: str, record: LoginRecord) -> Row:
    parts = (
        record.user,
        f"on {record.line}" if record.line else "",
        f"from {record.host}" if record.host else "",
        f"[{record.pid}]" if record.pid else "",
    )
    text = " ".join(part for part in parts if part)
    return Row(record.time, path, Happening.LOGIN, record.kind.value, text)


def _entry(row: Row) -> TimelineEntry:
    file = TimelineFile(KINDS[row.numbers[0]], *row.numbers[1:]) if row.numbers else None
    time = format_moment(row.time) or f"@{row.time}"
    return TimelineEntry(time, Happening(row.kind), row.what, row.where, row.text, file)
