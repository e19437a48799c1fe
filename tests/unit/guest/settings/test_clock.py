"""The guest's time zone, years that logs leave out, and moments as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from imgtools.errors import UsageError
from imgtools.guest.settings.clock import SECOND, Clock, guest_zone, parse_moment
from imgtools.records.system import OsInfo, OsType
from tests.support.memory import link, memory_files
from tests.support.windows import windows_files

LINUX = OsInfo(OsType.LINUX)
BERLIN = ZoneInfo("Europe/Berlin")


def ns(text: str) -> int:
    """An ISO time in UTC as nanoseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def berlin_tzif() -> bytes:
    return (
        next(p for p in (Path("/usr/share/zoneinfo"),) if p.is_dir()).joinpath("Europe/Berlin").read_bytes()
    )


def test_the_zone_of_a_linux_guest() -> None:
    files = memory_files(
        {
            "/etc/localtime": link("/usr/share/zoneinfo/Europe/Berlin"),
            "/usr/share/zoneinfo/Europe/Berlin": berlin_tzif(),
        }
    )
    zone = guest_zone(files, LINUX)
    assert str(zone) == "Europe/Berlin"
    assert datetime(2024, 7, 1, 12, tzinfo=zone).utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"TZif",
        b"TZif2" + bytes(200),
        b"TZif2" + b"\xff" * 200,
        b"TZif2" + bytes(15) + b"\x7f" * 24 + bytes(500),
    ],
)
def test_a_broken_zone_is_utc(content: bytes) -> None:
    assert guest_zone(memory_files({"/etc/localtime": content}), LINUX) == UTC


def test_a_guest_without_a_zone_is_in_utc() -> None:
    assert guest_zone(memory_files({}), LINUX) == UTC
    assert (
        guest_zone(memory_files({"/etc/localtime": link("/usr/share/zoneinfo/Europe/Berlin")}), LINUX) == UTC
    )


def test_the_zone_of_windows_is_its_last_offset() -> None:
    os = OsInfo(OsType.WINDOWS, windows_systemroot="/Windows")
    assert guest_zone(windows_files(), os) == timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("written", "month", "day", "expected"),
    [
        ("2024-03-01", 3, 1, "2024-03-01T12:00"),
        ("2024-03-01", 2, 29, "2024-02-29T12:00"),
        ("2024-03-01", 12, 31, "2023-12-31T12:00"),
        ("2024-01-02", 12, 31, "2023-12-31T12:00"),
        ("2023-12-31", 1, 1, "2023-01-01T12:00"),
        # The clock of the file system may lag the log's a little.
        ("2023-12-31", 12, 31, "2023-12-31T12:00"),
        ("2027-02-01", 2, 29, "2024-02-29T12:00"),
    ],
)
def test_the_year_comes_from_the_file(written: str, month: int, day: int, expected: str) -> None:
    assert Clock(UTC, ns(written)).without_year(month, day, 12, 0, 0) == ns(expected)


def test_dates_that_do_not_exist() -> None:
    clock = Clock(UTC, ns("2024-03-01"))
    assert clock.without_year(2, 30, 12, 0, 0) is None
    assert clock.at(2024, 13, 1, 0, 0, 0) is None
    assert clock.parse_iso("2024-02-30 10:00:00") is None


def test_local_times_follow_summer_time() -> None:
    clock = Clock(BERLIN, ns("2024-12-01"))
    assert clock.at(2024, 1, 1, 12, 0, 0.25) == ns("2024-01-01T11:00") + 250_000_000
    assert clock.at(2024, 7, 1, 12, 0, 0) == ns("2024-07-01T10:00")
    assert clock.parse_iso("2024-07-01T12:00:00") == ns("2024-07-01T10:00")
    assert clock.parse_iso("2024-07-01T12:00:00,5+00:00") == ns("2024-07-01T12:00") + 500_000_000


NEWEST = ns("2024-03-01T13:00:00")  # 14:00 in Berlin


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2024-03-01T13:00"),
        ("today", "2024-02-29T23:00"),
        ("Yesterday", "2024-02-28T23:00"),
        ("2 hours ago", "2024-03-01T11:00"),
        ("2h", "2024-03-01T11:00"),
        ("-2h", "2024-03-01T11:00"),
        ("1h30min ago", "2024-03-01T11:30"),
        ("90m", "2024-03-01T11:30"),
        ("3 days ago", "2024-02-27T13:00"),
        ("1 week", "2024-02-23T13:00"),
        ("14:30", "2024-03-01T13:30"),
        ("9:05", "2024-03-01T08:05"),
        ("2024-02-01", "2024-01-31T23:00"),
        ("2024-02-01 10:00", "2024-02-01T09:00"),
        ("2024-02-01T10:00:00Z", "2024-02-01T10:00"),
        ("2024-02-01 10:00:00+05:00", "2024-02-01T05:00"),
        ("@1709290800", "2024-03-01T11:00"),
    ],
)
def test_moments(text: str, expected: str) -> None:
    assert parse_moment(text, NEWEST, BERLIN) == ns(expected)


@pytest.mark.parametrize("text", ["", "soon", "2 moons ago", "25:99", "2024-13-01", "ago", "@x", "hours ago"])
def test_no_moments(text: str) -> None:
    with pytest.raises(UsageError, match="not a moment") as caught:
        parse_moment(text, NEWEST, BERLIN)
    assert "yesterday" in caught.value.hint


def test_a_journal_that_claims_an_impossible_time_is_no_crash() -> None:
    assert parse_moment("1h", 2**64 * 1000, UTC) > 0
    assert parse_moment("today", -5, UTC) <= 0
