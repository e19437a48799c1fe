"""The guest's own idea of time: its time zone, and moments as people write them."""

from __future__ import annotations

import io
import re
import struct
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from imgtools.errors import GuestFileError, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.system import windows_details
from imgtools.records.system import OsInfo, OsType

LOCALTIME = "/etc/localtime"
LOCALTIME_LIMIT = 64 << 10  # bytes; the largest TZif file of tzdata has about 4 KiB
SECOND = 10**9
LATEST = 4_102_444_800 * SECOND  # 2100: a damaged journal can claim any time

UNITS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
UNITS |= {"d": 86400, "day": 86400, "w": 604800, "week": 604800, "month": 30 * 86400, "year": 365 * 86400}
_AGO = re.compile(r"(?P<sign>-)?\s*(?P<parts>(?:\d+\s*[a-z]+\s*)+?)(?P<ago>\s*ago)?", re.IGNORECASE)
_PART = re.compile(r"(\d+)\s*([a-z]+)", re.IGNORECASE)
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?")
_HINT = "write 2024-03-01, '2024-03-01 14:30', 14:30, today, yesterday, '2 hours ago', 30min or @SECONDS"


def guest_zone(files: GuestReader, os: OsInfo) -> tzinfo:
    """Return the guest's time zone; UTC if it has none, or none that parses."""
    if os.type is OsType.WINDOWS:
        return _windows_zone(files, os)
    try:
        content = files.read_bytes(LOCALTIME, limit=LOCALTIME_LIMIT)
    except GuestFileError:
        return UTC
    try:
        zone = ZoneInfo.from_file(io.BytesIO(content), key=_zone_name(files))
        datetime(2024, 7, 1, tzinfo=zone).timestamp()
    except (ValueError, IndexError, OverflowError, EOFError, struct.error):
        return UTC
    return zone


def _zone_name(files: GuestReader) -> str | None:
    """The name of the zone (``Europe/Berlin``), which is where the link leads."""
    try:
        return files.read_link(LOCALTIME).partition("zoneinfo/")[2] or None
    except GuestFileError:
        return None


def _windows_zone(files: GuestReader, os: OsInfo) -> tzinfo:
    """The offset that the guest used last; Windows' zones have other names, and their rules are not worth it here."""
    details, _ = windows_details(files, os)
    offset = details.utc_offset
    return UTC if offset is None or abs(offset) >= 1440 else timezone(timedelta(minutes=offset))


class Clock:
    """Turns the guest's local times into nanoseconds since 1970.

    :param newest: nanoseconds since 1970 that no entry is later than (by more than a day): the log file's mtime. It
        gives the year to times that are written without one, as in syslog.
    """

    def __init__(self, zone: tzinfo, newest: int) -> None:
        self._zone = zone
        self._newest = newest
        self._minutes: dict[tuple[int, int, int, int, int], int] = {}

    def at(self, year: int, month: int, day: int, hour: int, minute: int, seconds: float) -> int | None:
        """Return a local time with its year; None if there is no such day or hour."""
        key = (year, month, day, hour, minute)
        start = self._minutes.get(key)
        if start is None:
            try:
                start = int(datetime(year, month, day, hour, minute, tzinfo=self._zone).timestamp()) * SECOND
            except (ValueError, OverflowError, OSError):
                return None
            if len(self._minutes) > 10_000:
                self._minutes.clear()
            self._minutes[key] = start
        return start + round(seconds * 10**6) * 1000

    def without_year(self, month: int, day: int, hour: int, minute: int, seconds: float) -> int | None:
        """Return a local time of the last year in which it is not later than ``newest``."""
        latest = self._newest + 86400 * SECOND
        year = datetime.fromtimestamp(min(max(latest, 0), 1 << 62) // SECOND, UTC).year
        # 29 February is at most eight years away.
        for candidate in range(year, max(year - 9, 1), -1):
            found = self.at(candidate, month, day, hour, minute, seconds)
            if found is not None and found <= latest:
                return found
        return None

    def parse_iso(self, text: str) -> int | None:
        """Return a time in ISO 8601 or nearly so; without an offset it is local. None if it does not parse."""
        try:
            moment = datetime.fromisoformat(text.replace(",", ".").replace("/", "-"))
        except ValueError:
            return None
        if moment.tzinfo is None:
            seconds = moment.second + moment.microsecond / 10**6
            return self.at(moment.year, moment.month, moment.day, moment.hour, moment.minute, seconds)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86400 + since.seconds) * SECOND + since.microseconds * 1000


def parse_moment(text: str, newest: int, zone: tzinfo) -> int:
    """Return the moment that a person means, in nanoseconds since 1970.

    What is relative (``2 hours ago``, ``yesterday``, ``14:30``) counts from ``newest``, the guest's last sign of
    life, and not from today: an image may have been switched off for weeks.

    :raises UsageError: it is no moment.
    """
    words = text.strip().lower()
    newest = min(max(newest, 0), LATEST)
    here = datetime.fromtimestamp(newest / SECOND, zone)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"today": 0, "yesterday": 1}
    if words == "now":
        return newest
    if words in days:
        return _nanoseconds(midnight - timedelta(days=days[words]))
    if re.fullmatch(r"@\d{1,11}(\.\d+)?", words):
        return round(float(words[1:]) * 10**6) * 1000
    if _CLOCK.fullmatch(words):
        words = f"{midnight:%Y-%m-%d} {words if words[1:2] != ':' else '0' + words}"
    elif (match := _AGO.fullmatch(words)) is not None:
        return newest - _duration(match["parts"], text) * SECOND
    found = Clock(zone, newest).parse_iso(words.upper() if "t" in words or words.endswith("z") else words)
    if found is None:
        raise UsageError(f"not a moment: {text!r}", hint=_HINT)
    return found


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 10**6) * 1000


def _duration(parts: str, text: str) -> int:
    total = 0
    for number, unit in _PART.findall(parts):
        seconds = UNITS.get(unit) or UNITS.get(unit.removesuffix("s"))
        if seconds is None:
            raise UsageError(f"not a moment: {text!r}: no unit {unit!r}", hint=_HINT)
        total += int(number) * seconds
    return total
