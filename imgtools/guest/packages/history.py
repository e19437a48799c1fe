"""When packages of a Linux guest came, changed and went: the logs of dpkg, pacman and apk, and rpm's database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo

from imgtools.engine.stream import read_lines
from imgtools.engine.unpack import ENDINGS, unpack_forwards
from imgtools.errors import EngineFailed, GuestFileError, OddGuest, ToolMissing
from imgtools.files.tree import GuestReader
from imgtools.guest.packages.applications import rpm_packages
from imgtools.guest.settings.clock import SECOND, Clock
from imgtools.records.system import Warned

LINE_LIMIT = 4096  # bytes of a line; the longest of dpkg's has some 200

# dpkg(1), --log: "YYYY-MM-DD HH:MM:SS <action> <pkg> <installed-version> <available-version>", in local time.
DPKG = re.compile(
    r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d) (install|upgrade|remove|purge|disappear) (\S+) (\S+) (\S+)\s*$"
)
# pacman: "[2024-03-01T12:00:05+0100] [ALPM] upgraded bash (5.1-1 -> 5.2-1)"; before 5.2 "[2019-01-01 12:00]", local.
PACMAN = re.compile(
    r"\[(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?([+-]\d{4})?\] \[ALPM\] "
    r"(installed|reinstalled|upgraded|downgraded|removed) (\S+) \(([^()]*)\)\s*$"
)
# apk (src/print.c, apk_out_log_argv): "Running `apk add foo` at 2024-03-01 12:00:05", then "(1/2) Installing a (1-r0)".
APK_TIME = re.compile(r"Running `.*` at (\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\s*$")
APK = re.compile(
    r"\(\d+/\d+\) (Installing|Upgrading|Downgrading|Reinstalling|Replacing|Purging) (\S+) \(([^()]*)\)"
)
DPKG_INFO = "/var/lib/dpkg/info"
DESC = re.compile(r"^%(\w+)%\n(.*)$", re.MULTILINE)
DESC_LIMIT = 1 << 20  # bytes of one package's description
# What each calls it, and what it is called here.
ACTIONS = {
    "install": "install",
    "installed": "install",
    "Installing": "install",
    "upgrade": "upgrade",
    "upgraded": "upgrade",
    "Upgrading": "upgrade",
    "Replacing": "upgrade",
    "downgraded": "downgrade",
    "Downgrading": "downgrade",
    "reinstalled": "reinstall",
    "Reinstalling": "reinstall",
    "remove": "remove",
    "removed": "remove",
    "purge": "purge",
    "Purging": "remove",
    "disappear": "remove",
}


@dataclass(frozen=True, slots=True)
class PackageEvent:
    """One change. ``old`` and ``new`` are versions; "" where there was none, or nobody says."""

    time: int  # nanoseconds since 1970
    action: str  # install, upgrade, downgrade, reinstall, remove, purge
    name: str
    old: str
    new: str
    path: str  # which file tells of it


Reader = Callable[[Iterable[str], str, Clock], Iterator[PackageEvent]]


def read_package_history(files: GuestReader, zone: tzinfo) -> Iterator[PackageEvent | Warned]:
    """Yield what is known of when packages were changed, in no order, and warnings about what cannot be read.

    Of what no log tells: when rpm and pacman say that a package was installed, when dpkg wrote the list of its files.
    """
    logged: set[str] = set()
    for base, read in LOGS.items():
        for path in files.glob(f"{base}*"):
            rest = path[len(base) :]
            if files.is_file(path) and (not rest or rest[0] in ".-"):
                for one in _log(files, path, read, zone):
                    if isinstance(one, PackageEvent):
                        logged.add(one.name)
                    yield one
    yield from _dpkg_lists(files, logged)
    try:
        yield from _pacman_dates(files, logged)
        yield from _rpm(files)
    except (OddGuest, GuestFileError, ToolMissing, EngineFailed) as error:
        yield Warned(f"when packages were installed is not known: {error.message}")


def _dpkg_lists(files: GuestReader, logged: set[str]) -> Iterator[PackageEvent]:
    """A package's list of files is written when it is installed, and when it is upgraded."""
    if not files.is_dir(DPKG_INFO):
        return
    bare = {one.partition(":")[0] for one in logged}
    for entry in files.list_dir(DPKG_INFO):
        name, dot, ending = entry.name.rpartition(".")
        known = name in logged or name in bare
        if dot and ending == "list" and not known:
            yield PackageEvent(entry.stat.mtime, "install", name, "", "", f"{DPKG_INFO}/{entry.name}")


def _pacman_dates(files: GuestReader, logged: set[str]) -> Iterator[PackageEvent]:
    """%INSTALLDATE% of pacman's database, in seconds since 1970."""
    for path in files.glob("/var/lib/pacman/local/*/desc"):
        if files.is_file(path):
            values = dict(DESC.findall(files.read_text(path, limit=DESC_LIMIT)))
            date, name = values.get("INSTALLDATE", ""), values.get("NAME", "")
            if name not in logged and date.isascii() and date.isdigit() and len(date) < 12:
                yield PackageEvent(int(date) * SECOND, "install", name, "", values.get("VERSION", ""), path)


def _rpm(files: GuestReader) -> Iterator[PackageEvent]:
    for one in rpm_packages(files):
        if one.installed:
            version = f"{f'{one.epoch}:' if one.epoch else ''}{one.version}-{one.release}"
            name = f"{one.name}:{one.arch}" if one.arch else one.name
            yield PackageEvent(one.installed * SECOND, "install", name, "", version, "rpm database")


def _log(files: GuestReader, path: str, read: Reader, zone: tzinfo) -> Iterator[PackageEvent | Warned]:
    ending = next((one for one in ENDINGS if path.endswith(one)), "")
    try:
        with files.open(path) as source, unpack_forwards(source, ending) as (stream, unpacked):
            clock = Clock(zone, files.stat(path).mtime)
            lines = (line.decode("utf-8", "surrogateescape") for line in read_lines(stream, limit=LINE_LIMIT))
            yield from read(lines, path, clock)
            if unpacked.problem:
                yield Warned(unpacked.problem, path)
    except (GuestFileError, OddGuest) as error:
        yield Warned(error.message, path)


def read_dpkg(lines: Iterable[str], path: str, clock: Clock) -> Iterator[PackageEvent]:
    """Yield the changes that lines of a dpkg.log tell of."""
    for line in lines:
        if (match := DPKG.match(line)) is None:
            continue
        action, name, old, new = match.groups()[6:]
        if (time := _local(match, clock)) is not None:
            was, now = ("" if version == "<none>" else version for version in (old, new))
            yield PackageEvent(time, ACTIONS[action], name, was, now, path)


def read_pacman(lines: Iterable[str], path: str, clock: Clock) -> Iterator[PackageEvent]:
    """Yield the changes that lines of a pacman.log tell of."""
    for line in lines:
        if (match := PACMAN.match(line)) is None:
            continue
        year, month, day, hour, minute, second, offset, action, name, versions = match.groups()
        numbers = (int(year), int(month), int(day), int(hour), int(minute))
        time = _at(numbers, int(second or 0), offset, clock)
        if time is not None:
            yield PackageEvent(time, ACTIONS[action], name, *_versions(ACTIONS[action], versions), path)


def read_apk(lines: Iterable[str], path: str, clock: Clock) -> Iterator[PackageEvent]:
    """Yield the changes that lines of an apk.log tell of; only the command above them says when."""
    time: int | None = None
    for line in lines:
        if match := APK_TIME.match(line):
            time = _local(match, clock)
        elif time is not None and (match := APK.match(line)):
            action = ACTIONS[match[1]]
            yield PackageEvent(time, action, match[2], *_versions(action, match[3]), path)


def _local(match: re.Match[str], clock: Clock) -> int | None:
    """The local time that the first six groups of a match are."""
    year, month, day, hour, minute, second = (int(text) for text in match.groups()[:6])
    return clock.at(year, month, day, hour, minute, second)


def _at(numbers: tuple[int, int, int, int, int], second: int, offset: str | None, clock: Clock) -> int | None:
    if offset is None:
        return clock.at(*numbers, second)
    minutes = int(offset[1:3]) * 60 + int(offset[3:5])
    if minutes >= 1440:
        return None
    zone = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
    try:
        return int(datetime(*numbers, min(second, 59), tzinfo=zone).timestamp()) * SECOND
    except (ValueError, OverflowError):
        return None


def _versions(action: str, text: str) -> tuple[str, str]:
    """Old and new version: ``1 -> 2``, or the one that came or went."""
    old, arrow, new = text.partition(" -> ")
    if arrow:
        return old, new
    return (text, "") if action in ("remove", "purge") else ("", text)


LOGS: dict[str, Reader] = {
    "/var/log/dpkg.log": read_dpkg,
    "/var/log/pacman.log": read_pacman,
    "/var/log/apk.log": read_apk,
}
