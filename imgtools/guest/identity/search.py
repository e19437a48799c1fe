"""Look for identities in all files of a guest, wherever they stand, within bounds of time and memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from imgtools.errors import ImgtoolsError
from imgtools.files.tree import GuestReader
from imgtools.guest.identity.collect import Identity, Kind
from imgtools.records.files import FileKind
from imgtools.records.found import FoundFile

MIB = 1 << 20
# Where machines keep what is theirs comes first: what is not reached in time is the distribution's own.
FIRST = ("/etc", "/root", "/home", "/var", "/opt", "/srv", "/boot", "/usr/local")
NOT_FILES = frozenset({"/proc", "/sys", "/dev", "/lost+found", "/.snapshots"})
SHIPPED = (
    "/usr/bin",
    "/usr/lib",
    "/usr/sbin",
    "/usr/share",
    "/usr/include",
    "/usr/libexec",
    "/usr/games",
    "/usr/src",
)
CHUNK = MIB
LOG_HEAD = 64 << 10  # bytes in which the lines of a log show
LOG_LINES = 3
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# RFC 3339 and what is like it, syslog's (RFC 3164), and that of Apache and nginx.
STAMP = re.compile(
    rb"(?m)^(?:[\[(]|<\d{1,3}>(?:1 )?|\{\"[@\w]{1,20}\": ?\"?)?"
    rb"(?:(20\d\d)-([01]\d)-([0-3]\d)[T _]\d\d:\d\d|([A-Z][a-z]{2}) [ 0-3]?\d \d\d:\d\d:\d\d )"
    rb"|(?m:^)[^\n\[]{1,80}\[([0-3]\d)/([A-Z][a-z]{2})/(20\d\d):\d\d:\d\d"
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far the search goes; sizes in bytes."""

    seconds: float = 120
    total: int = 1024 * MIB
    of_file: int = 16 * MIB  # the beginning of a file; a log or database says whose it is there
    of_shipped: int = MIB  # larger files below /usr are programs and libraries
    traces: int = 200
    of_identity: int = 20  # after so many places nobody needs more of them


@dataclass(frozen=True, slots=True)
class Trace:
    """Something of a machine that was found: in a file, or in its name."""

    kind: Kind
    text: str
    path: str
    in_name: bool = False


@dataclass(slots=True)
class Searched:
    """What was looked into, and what was found. ``stopped`` says why it is not everything; "": it is."""

    files: int = 0
    size: int = 0  # bytes that were read
    passed_over: int = 0  # larger or damaged files, of which only the beginning was read, or nothing
    stopped: str = ""
    traces: list[Trace] = field(default_factory=list)


def search(
    files: GuestReader,
    identities: Sequence[Identity],
    *,
    since: int = 0,
    wide: bool = False,
    bounds: Bounds | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Searched:
    """Look into every file of a guest for identities, and for text of logs.

    :param since: nanoseconds since 1970: only logs that are younger tell of this machine.
    :param wide: texts of two bytes a letter too, as Windows keeps them.
    """
    bounds = bounds or Bounds()
    look = _Look(files, [_sought(one, wide=wide) for one in identities], since, bounds)
    end = clock() + bounds.seconds
    for one in _everything(files):
        if clock() > end:
            look.found.stopped = f"{bounds.seconds:.0f} seconds were not enough"
        elif look.found.size >= bounds.total:
            look.found.stopped = f"{bounds.total} bytes were read"
        elif len(look.found.traces) >= bounds.traces:
            look.found.stopped = f"{bounds.traces} traces were found"
        if look.found.stopped:
            break
        look.at_name(one.path)
        if one.stat.kind is FileKind.FILE and one.stat.size:
            look.into(one)
    return look.found


@dataclass(slots=True)
class _Sought:
    """An identity, the texts by which it is found quickly, and the expression that makes sure."""

    identity: Identity
    needles: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    places: int = 0

    def is_likely(self, content: bytes) -> bool:
        """Whether it may be there: to look for bytes is much cheaper than for an expression."""
        return bool(self.pattern.flags & re.IGNORECASE) or any(needle in content for needle in self.needles)


def _sought(identity: Identity, *, wide: bool = False) -> _Sought:
    """Prepare an identity: it counts where it is not part of a longer word or number."""
    needles = tuple(needle.encode("utf-8", "surrogateescape") for needle in identity.needles)
    texts = b"|".join(re.escape(needle) for needle in needles)
    before, after = rb"(?<![0-9A-Za-z_-])(?:", rb")(?![0-9A-Za-z_-])"
    if identity.kind is Kind.ADDRESS:
        before, after = rb"(?<![0-9A-Fa-f.:])(?:", rb")(?![0-9A-Fa-f:]|\.[0-9])"
    pattern = before + texts + after
    if wide:
        wides = tuple(needle.encode("utf-16-le", "surrogatepass") for needle in identity.needles)
        texts = b"|".join(re.escape(needle) for needle in wides)
        pattern += rb"|(?<![0-9A-Za-z_.:-]\0)(?:" + texts + rb")(?![0-9A-Za-z_:-]\0)"
        needles += wides
    return _Sought(identity, needles, re.compile(pattern, re.IGNORECASE if wide else 0))


def _everything(files: GuestReader) -> Iterator[FoundFile]:
    """Yield all files once, those of the machine before those of the distribution."""
    tops = [path for path in FIRST if (stat := files.lstat(path)) and stat.kind is FileKind.DIRECTORY]
    for entry in files.list_dir("/"):
        path = f"/{entry.name}"
        if entry.stat.kind is FileKind.FILE:
            yield FoundFile(path, entry.stat)
        elif entry.stat.kind is FileKind.DIRECTORY and path not in tops and path not in NOT_FILES:
            tops.append(path)
    for top in tops:
        for found in files.walk(top):
            if top == "/usr/local" or not f"{found.path}/".startswith("/usr/local/"):
                yield found


class _Look:
    """One look through a guest: what is sought, how far, and what was found."""

    def __init__(self, files: GuestReader, sought: list[_Sought], since: int, bounds: Bounds) -> None:
        self.found = Searched()
        self._files = files
        self._sought = sought
        self._since = since
        self._bounds = bounds
        # What is found may lie across the border of two pieces, with a letter on either side.
        self._overlap = 2 + max((len(needle) for one in sought for needle in one.needles), default=0)

    def at_name(self, path: str) -> None:
        """Look at the last name of a path; the names above were looked at before."""
        name = path.rpartition("/")[2].encode("utf-8", "surrogateescape")
        for one in self._sought:
            if one.pattern.search(name):
                self._note(one, path, in_name=True)

    def into(self, one: FoundFile) -> None:
        """Look into a file, piece by piece."""
        is_shipped = one.path.startswith(SHIPPED)
        if is_shipped and one.stat.size > self._bounds.of_shipped:
            self.found.passed_over += 1
            return
        self.found.files += 1
        self.found.passed_over += one.stat.size > self._bounds.of_file
        try:
            with self._files.open(one.path) as stream:
                self._read(stream, one, is_shipped=is_shipped)
        except ImgtoolsError:
            self.found.passed_over += 1  # damaged: the other files can be read all the same

    def _read(self, stream: BinaryIO, one: FoundFile, *, is_shipped: bool) -> None:
        left = [
            sought
            for sought in self._sought
            if sought.places < self._bounds.of_identity and not (is_shipped and sought.identity.is_word)
        ]
        room = min(self._bounds.of_file, self._bounds.total - self.found.size)
        before = b""
        while room > 0 and (piece := stream.read(min(CHUNK, room))):
            room -= len(piece)
            self.found.size += len(piece)
            if not before and not is_shipped and _is_log(piece[:LOG_HEAD], one.stat.mtime, self._since):
                self.found.traces.append(Trace(Kind.LOG, "lines with a time", one.path))
            held = before + piece
            for sought in tuple(left):
                if sought.is_likely(held) and sought.pattern.search(held):
                    left.remove(sought)
                    self._note(sought, one.path)
            before = held[-self._overlap :]

    def _note(self, sought: _Sought, path: str, *, in_name: bool = False) -> None:
        if sought.places < self._bounds.of_identity:
            sought.places += 1
            self.found.traces.append(Trace(sought.identity.kind, sought.identity.text, path, in_name))


def _is_log(head: bytes, mtime: int, since: int) -> bool:
    """Whether several lines of a text begin with a time after ``since``; one without a year counts as the file's."""
    if mtime <= since or b"\0" in head[:512]:
        return False
    count = 0
    for match in STAMP.finditer(head):
        count += _nanoseconds(match, mtime) > since
        if count >= LOG_LINES:
            return True
    return False


def _nanoseconds(match: re.Match[bytes], mtime: int) -> int:
    year, month, day, syslog, web_day, web_month, web_year = match.groups()
    if syslog is not None:
        return mtime if syslog.decode() in MONTHS else 0
    if web_month is not None:
        if web_month.decode() not in MONTHS:
            return 0
        year, month, day = web_year, str(MONTHS.index(web_month.decode()) + 1).encode(), web_day
    try:
        moment = datetime(int(year), int(month), int(day), 23, 59, 59, tzinfo=UTC)
    except ValueError:
        return 0
    return int(moment.timestamp()) * 10**9
