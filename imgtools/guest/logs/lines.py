"""Lines of text logs: when, who, how urgent, what.

Formats known: syslog (RFC 3164 with and without busybox's facility, RFC 5424 times as rsyslog writes them), audit,
cloud-init and other Python logs, dnf, dpkg, apt, pacman, zypper, nginx, Apache, Windows' CBS and setup logs, dmesg.
A line that begins with no time belongs to the entry above it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from imgtools.guest.settings.clock import Clock
from imgtools.units import parse_count

BLOCK = 64 << 10
LINE_LIMIT = 64 << 10  # bytes of a line that are kept
ENTRY_LINES = 500  # lines of one entry that are kept: a stack trace is shorter

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
# Words for severities, and syslog's numbers for them (RFC 5424, table 2).
LEVELS = {
    "emerg": 0,
    "panic": 0,
    "alert": 1,
    "crit": 2,
    "critical": 2,
    "fatal": 2,
    "err": 3,
    "error": 3,
    "severe": 3,
}
LEVELS |= {"warn": 4, "warning": 4, "notice": 5, "info": 6, "information": 6, "informational": 6}
LEVELS |= {"debug": 7, "ddebug": 7, "subdebug": 7, "trace": 7, "verbose": 7}
_LEVEL = "|".join(sorted(LEVELS, key=len, reverse=True))

_ISO = r"\d{4}-\d\d-\d\d[T ] ?\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?"
_SYSLOG = re.compile(r"([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d(?:\.\d+)?) (.*)", re.DOTALL)
_TIMED = re.compile(rf"({_ISO}),?(?=[\s|]|$)[ \t]?(.*)", re.DOTALL)
# Times that something precedes or encloses: update-alternatives, sssd, Samba.
_ENCLOSED = re.compile(
    rf"(?:(update-alternatives) ({_ISO})|\(({_ISO})\)|\[(\d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?), *\d+\]):? ?(.*)",
    re.DOTALL,
)
_BRACKETED = re.compile(rf"\[({_ISO})\] ?(.*)", re.DOTALL)
_APT = re.compile(rf"((?:Start|End)-Date|Log (?:started|ended)): ({_ISO})", re.DOTALL)
_AUDIT = re.compile(r"(?:node=(\S+) )?type=(\S+) msg=audit\((\d{1,11})\.(\d{3}):\d+\):? ?(.*)", re.DOTALL)
_NGINX = re.compile(rf"(\d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d) \[({_LEVEL})\] (?:(\d+)#\d+: )?(.*)", re.DOTALL)
_APACHE = re.compile(
    r"\[[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d(?:\.\d+)?) (\d{4})\] (?:\[(?:\w*:)?(\w+)\] )?(.*)",
    re.DOTALL,
)
_ACCESS = re.compile(
    r"(\S+) \S+ \S+ \[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)\] (.*)", re.DOTALL
)
_KERNEL = re.compile(r"(?:<(\d{1,3})>)?\[ *\d+\.\d{3,6}\](?:\[ *[TC]\d+\])? ?(.*)", re.DOTALL)

# What may follow the time.
_PROGRAM = re.compile(
    r"(?P<host>\S+) (?P<program>[^\s:\[\]]{1,64})(?:\[(?P<pid>\d{1,10})\])?: ?(?P<message>.*)", re.DOTALL
)
_FACILITIES = "kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local[0-7]"
_FACILITY = re.compile(
    rf"(?P<host>\S+) (?:{_FACILITIES})\.(?P<level>{_LEVEL}) "
    r"(?P<program>[^\s:\[\]]{1,64})(?:\[(?P<pid>\d{1,10})\])?: ?(?P<message>.*)",
    re.DOTALL,
)
_PYTHON = re.compile(
    rf"- (?P<program>[\w.]+)\[(?P<level>{_LEVEL})\]: (?P<message>.*)", re.DOTALL | re.IGNORECASE
)
_DASHED = re.compile(
    rf"- (?P<program>\S+) - (?P<level>{_LEVEL}) - (?P<message>.*)", re.DOTALL | re.IGNORECASE
)
_WINDOWS = re.compile(
    rf"(?P<level>{_LEVEL}) +(?P<program>[A-Z][A-Za-z]+) +(?P<message>.*)", re.DOTALL | re.IGNORECASE
)
_LEVELLED = re.compile(rf"\[?(?P<level>{_LEVEL})\]?:?\s+(?P<message>.*)", re.DOTALL | re.IGNORECASE)
_DNF = re.compile(rf"(?P<level>{_LEVEL.upper()}) (?P<message>.*)", re.DOTALL)
_FACILITY_ALONE = re.compile(
    rf"(?P<host>\S+) (?:{_FACILITIES})\.(?P<level>{_LEVEL}) (?P<message>.*)", re.DOTALL
)
AFTER_TIME = (_FACILITY, _PROGRAM, _FACILITY_ALONE)
AFTER_T = (_PYTHON, _DASHED, _DNF, _FACILITY, _PROGRAM)
AFTER_DATE = (_PYTHON, _DASHED, _WINDOWS, _LEVELLED)


@dataclass(frozen=True, slots=True)
class LogLine:
    """The first line of an entry. ``time`` is nanoseconds since 1970; None if the format has no date."""

    time: int | None
    message: str
    host: str = ""
    identifier: str = ""
    pid: int | None = None
    priority: int | None = None


Format = Callable[[str, Clock], LogLine | None]


def parse_line(text: str, clock: Clock) -> LogLine | None:
    """Read the first line of an entry; None if the line begins no entry."""
    first = text[:1]
    for letters, format_ in FORMATS:
        if first in letters and (found := format_(text, clock)) is not None:
            return found
    return None


def _after(patterns: tuple[re.Pattern[str], ...], time: int | None, rest: str) -> LogLine:
    for pattern in patterns:
        match = pattern.fullmatch(rest)
        if match is not None:
            parts = match.groupdict()
            return LogLine(
                time,
                parts["message"],
                parts.get("host") or "",
                parts.get("program") or "",
                parse_count(parts.get("pid") or ""),
                LEVELS[parts["level"].lower()] if parts.get("level") else None,
            )
    return LogLine(time, rest)


def _syslog(text: str, clock: Clock) -> LogLine | None:
    match = _SYSLOG.fullmatch(text)
    if match is None or match[1].lower() not in MONTHS:
        return None
    month, day, hour, minute = MONTHS[match[1].lower()], int(match[2]), int(match[3]), int(match[4])
    time = clock.without_year(month, day, hour, minute, float(match[5]))
    return None if time is None else _after(AFTER_TIME, time, match[6])


def _timed(text: str, clock: Clock) -> LogLine | None:
    match = _TIMED.fullmatch(text)
    time = clock.parse_iso(match[1].replace("  ", " ")) if match else None
    if match is None or time is None:
        return None
    # rsyslog writes a T; a space is for logs that one program writes alone.
    return _after(AFTER_T if "T" in match[1] else AFTER_DATE, time, match[2].lstrip())


def _enclosed(text: str, clock: Clock) -> LogLine | None:
    match = _ENCLOSED.fullmatch(text)
    time = clock.parse_iso(match[2] or match[3] or match[4]) if match else None
    return None if match is None or time is None else LogLine(time, match[5], identifier=match[1] or "")


def _bracketed(text: str, clock: Clock) -> LogLine | None:
    match = _BRACKETED.fullmatch(text)
    time = clock.parse_iso(match[1]) if match else None
    if match is None or time is None:
        return None
    who = re.fullmatch(r"\[([\w-]+)\] (.*)", match[2], re.DOTALL)
    return LogLine(time, who[2], identifier=who[1]) if who else _after((_LEVELLED,), time, match[2])


def _apt(text: str, clock: Clock) -> LogLine | None:
    match = _APT.fullmatch(text)
    time = clock.parse_iso(match[2].replace("  ", " ")) if match else None
    return None if match is None or time is None else LogLine(time, match[1], identifier="apt")


def _audit(text: str, clock: Clock) -> LogLine | None:
    match = _AUDIT.fullmatch(text)
    if match is None:
        return None
    time = (int(match[3]) * 1000 + int(match[4])) * 10**6
    return LogLine(time, f"type={match[2]} {match[5]}", match[1] or "", "audit")


def _nginx(text: str, clock: Clock) -> LogLine | None:
    match = _NGINX.fullmatch(text)
    time = clock.parse_iso(match[1]) if match else None
    if match is None or time is None:
        return None
    return LogLine(time, match[4], "", "nginx", parse_count(match[3] or ""), LEVELS[match[2]])


def _apache(text: str, clock: Clock) -> LogLine | None:
    match = _APACHE.fullmatch(text)
    if match is None or match[1].lower() not in MONTHS:
        return None
    time = clock.at(
        int(match[6]), MONTHS[match[1].lower()], int(match[2]), int(match[3]), int(match[4]), float(match[5])
    )
    return None if time is None else LogLine(time, match[8], priority=LEVELS.get((match[7] or "").lower()))


def _access(text: str, clock: Clock) -> LogLine | None:
    match = _ACCESS.fullmatch(text)
    if match is None or match[3].lower() not in MONTHS:
        return None
    month = MONTHS[match[3].lower()]
    time = clock.parse_iso(f"{match[4]}-{month:02d}-{match[2]}T{match[5]}{match[6]}:{match[7]}")
    return None if time is None else LogLine(time, f"{match[1]} {match[8]}")


def _kernel(text: str, clock: Clock) -> LogLine | None:
    """The kernel's ring buffer: seconds since a boot that it does not name."""
    match = _KERNEL.fullmatch(text)
    if match is None:
        return None
    return LogLine(None, text, "", "kernel", None, int(match[1]) & 7 if match[1] else None)


_DIGITS = frozenset("0123456789")
# Which letters a format's lines begin with: most formats need not be tried.
FORMATS: tuple[tuple[frozenset[str], Format], ...] = (
    (frozenset("ADFJMNOS"), _syslog),
    (_DIGITS, _timed),
    (frozenset("tn"), _audit),
    (frozenset("SEL"), _apt),
    (_DIGITS, _nginx),
    (frozenset("u(["), _enclosed),
    (frozenset("["), _bracketed),
    (frozenset("["), _apache),
    (frozenset("[<"), _kernel),
    (frozenset("0123456789abcdef:-"), _access),
)


# -- lines into entries ---------------------------------------------------------------------------------------


def lines_backwards(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file, the last one first, reading blocks from its end.

    What a line has beyond LINE_LIMIT bytes is left out; memory stays bounded also where no line ever ends.
    """
    position = stream.seek(0, io.SEEK_END)
    rest, begun = b"", False
    while position:
        size = min(BLOCK, position)
        position -= size
        stream.seek(position)
        pieces = (stream.read(size) + rest).split(b"\n")
        # The first piece may begin in the block before.
        rest = pieces[0][:LINE_LIMIT] if position else pieces[0]
        for piece in reversed(pieces[1:]):
            if begun or piece:
                yield piece[:LINE_LIMIT].rstrip(b"\r")
            begun = True
        begun = True
    if begun:
        yield rest[:LINE_LIMIT].rstrip(b"\r")


def group_forwards(lines: Iterable[bytes], clock: Clock) -> Iterator[LogLine]:
    """Yield entries: a line that begins one, with the lines that belong to it."""
    head: LogLine | None = None
    more: list[str] = []
    for raw in lines:
        text = _text(raw)
        found = parse_line(text, clock)
        if found is not None:
            if head is not None:
                yield _whole(head, more)
            head, more = found, []
        elif head is None or head.time is None:
            # Nothing above it to belong to: a log without times is a list of lines.
            if head is not None:
                yield _whole(head, more)
                head, more = None, []
            if text:
                yield LogLine(None, text)
        elif len(more) < ENTRY_LINES:
            more.append(text)
    if head is not None:
        yield _whole(head, more)


def group_backwards(lines: Iterable[bytes], clock: Clock) -> Iterator[LogLine]:
    """As :func:`group_forwards`, for lines that come last one first."""
    more: list[str] = []
    loose = False  # no line so far began an entry with a time, and there were many
    for raw in lines:
        text = _text(raw)
        found = parse_line(text, clock)
        if found is not None and found.time is not None:
            yield _whole(found, list(reversed(more)))
            more, loose = [], False
        elif found is not None:
            yield from (LogLine(None, line) for line in more if line)
            more = []
            yield found
        elif loose:
            if text:
                yield LogLine(None, text)
        else:
            more.append(text)
            if len(more) > ENTRY_LINES:
                yield from (LogLine(None, line) for line in more if line)
                more, loose = [], True
    yield from (LogLine(None, line) for line in more if line)


def _whole(head: LogLine, more: Sequence[str]) -> LogLine:
    below = "\n".join(more).rstrip()
    return replace(head, message=f"{head.message}\n{below}") if below else head


def _text(raw: bytes) -> str:
    """A line as text. NULs are what a crash leaves in a log that was being written."""
    return raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")
