"""The time zone of a Windows guest: its name, its rule, and what holds today."""

from __future__ import annotations

import datetime
import struct

import pytest

from imgtools.engine.time_zones import windows_zone
from imgtools.errors import OddGuest, UnsupportedGuest
from imgtools.guest.windows.time_zone import TZI, ZoneRule
from tests.support.customized import carry_out
from tests.support.hives import Keys
from tests.support.windows_guest import planned, value, windows_guest

pytestmark = pytest.mark.host

ZONES = r"Microsoft\Windows NT\CurrentVersion\Time Zones"
ZONE = r"SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
BEGINS, ENDS = struct.pack("<8H", 0, 3, 0, 5, 2, 0, 0, 0), struct.pack("<8H", 0, 10, 0, 5, 3, 0, 0, 0)
BERLIN = TZI.pack(-60, 0, -60, ENDS, BEGINS)
TOKYO = TZI.pack(-540, 0, -60, bytes(16), bytes(16))


def zone(tzi: bytes, name: str, number: int) -> dict[str, str | bytes]:
    names = {"Std": f"{name} (winter)", "Dlt": f"{name} (summer)"}
    return {"TZI": tzi, **names, "MUI_Std": f"@tzres.dll,-{number}", "MUI_Dlt": f"@tzres.dll,-{number - 1}"}


HAS: Keys = {
    rf"{ZONES}\W. Europe Standard Time": zone(BERLIN, "Western Europe", 322),
    rf"{ZONES}\Tokyo Standard Time": zone(TOKYO, "Tokyo", 632),
    rf"{ZONES}\Odd Standard Time": {"TZI": b"short"},
}


@pytest.mark.parametrize("text", ["Asia/Tokyo", "Tokyo Standard Time", "tokyo standard time"])
def test_everything_that_belongs_to_a_zone(text: str) -> None:
    guest, tree = windows_guest(HAS)
    carry_out(guest, tree, ("timezone", text))
    says = {
        name: value(tree, ZONE, name)
        for name in ("TimeZoneKeyName", "StandardName", "DaylightName", "Bias", "DaylightBias")
    }
    assert {name: one and one.text for name, one in says.items() if name.endswith("Name")} == {
        "TimeZoneKeyName": "Tokyo Standard Time",
        "StandardName": "@tzres.dll,-632",
        "DaylightName": "@tzres.dll,-631",
    }
    assert says["Bias"] and says["Bias"].number == 2**32 - 540
    assert says["DaylightBias"] and says["DaylightBias"].number == 2**32 - 60
    active, start = value(tree, ZONE, "ActiveTimeBias"), value(tree, ZONE, "StandardStart")
    assert active and active.number == 2**32 - 540  # it has no summer time, whatever day is today
    assert start and start.data == bytes(16)


def test_nothing_is_left_to_do_whatever_stands_behind_the_name() -> None:
    """Windows keeps the name in a buffer, and rests of an earlier one behind it."""
    current = {
        "TimeZoneKeyName": (1, "Tokyo Standard Time\0ard Time\0".encode("utf-16-le")),
        "StandardName": "@tzres.dll,-632",
        "DaylightName": "@tzres.dll,-631",
        "Bias": 2**32 - 540,
        "StandardBias": 0,
        "DaylightBias": 2**32 - 60,
        "DynamicDaylightTimeDisabled": 0,
        "StandardStart": bytes(16),
        "DaylightStart": bytes(16),
    }
    guest, _ = windows_guest(HAS, {r"ControlSet002\Control\TimeZoneInformation": current})
    assert planned(guest, ("timezone", "Asia/Tokyo")) == ()
    guest, tree = windows_guest(HAS)
    carry_out(guest, tree, ("timezone", "Europe/Berlin"))
    assert planned(guest, ("timezone", "Europe/Berlin")) == ()


def test_a_zone_without_resources_has_its_names_as_texts() -> None:
    plain = {"TZI": TOKYO, "Std": "Tokyo (winter)", "Dlt": "Tokyo (summer)"}
    guest, tree = windows_guest({rf"{ZONES}\Tokyo Standard Time": plain})
    carry_out(guest, tree, ("timezone", "Asia/Tokyo"))
    name = value(tree, ZONE, "StandardName")
    assert name and name.text == "Tokyo (winter)"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("Europe/Madrid", "which Windows calls Romance Standard Time", "registry list"),
        ("Tokio Standard Time", "no time zone 'Tokio Standard Time'", "Tokyo Standard Time"),
        ("Europe/Berlim", "no time zone 'Europe/Berlim'", "Europe/Berlin"),
        (r"x\y", "no time zone", ""),
    ],
)
def test_a_zone_that_the_guest_does_not_have(text: str, message: str, hint: str) -> None:
    guest, tree = windows_guest(HAS)
    with pytest.raises(UnsupportedGuest, match=message) as raised:
        carry_out(guest, tree, ("timezone", text))
    assert hint in raised.value.hint


def test_a_guest_without_zones_and_a_zone_without_a_rule() -> None:
    guest, tree = windows_guest()
    with pytest.raises(UnsupportedGuest, match="no time zone"):
        carry_out(guest, tree, ("timezone", "Asia/Tokyo"))
    with pytest.raises(UnsupportedGuest, match="no time zone") as raised:
        carry_out(guest, tree, ("timezone", "UTC"))
    assert "registry list" in raised.value.hint, "what was said is no hint"
    guest, tree = windows_guest(HAS)
    with pytest.raises(OddGuest, match="Odd Standard Time"):
        carry_out(guest, tree, ("timezone", "Odd Standard Time"))


@pytest.mark.parametrize(
    "tzi",
    [
        TZI.pack(0, 0, -60, struct.pack("<8H", 0, 13, 0, 5, 2, 0, 0, 0), BEGINS),
        TZI.pack(0, 0, -60, struct.pack("<8H", 65535, 1, 0, 1, 2, 0, 0, 0), BEGINS),
        TZI.pack(-(2**31), 0, 0, ENDS, BEGINS),
    ],
    ids=["month", "year", "bias"],
)
def test_a_rule_that_is_no_day_is_no_crash(tzi: bytes) -> None:
    guest, tree = windows_guest({rf"{ZONES}\Wild Standard Time": zone(tzi, "Wild", 1)})
    with pytest.raises(OddGuest, match="Wild Standard Time"):
        carry_out(guest, tree, ("timezone", "Wild Standard Time"))


@pytest.mark.parametrize(
    ("day", "minutes"),
    [
        ("2026-01-01T00:00", -60),
        ("2026-03-29T00:59", -60),
        ("2026-03-29T01:00", -120),
        ("2026-10-25T00:59", -120),
        ("2026-10-25T01:00", -60),
    ],
)
def test_the_difference_changes_in_the_minute_in_which_it_does(day: str, minutes: int) -> None:
    """The last Sundays of March and October, at one o'clock UTC."""
    rule = ZoneRule(-60, 0, -60, ENDS, BEGINS)
    assert rule.bias_at(datetime.datetime.fromisoformat(f"{day}+00:00")) == minutes


@pytest.mark.parametrize(("day", "minutes"), [("2026-01-15", -660), ("2026-07-15", -600)])
def test_south_of_the_equator_summer_is_over_new_year(day: str, minutes: int) -> None:
    """Sydney: first Sundays of October and April."""
    begins, ends = struct.pack("<8H", 0, 10, 0, 1, 2, 0, 0, 0), struct.pack("<8H", 0, 4, 0, 1, 3, 0, 0, 0)
    rule = ZoneRule(-600, 0, -60, ends, begins)
    assert rule.bias_at(datetime.datetime.fromisoformat(f"{day}T00:00+00:00")) == minutes


def test_old_names_of_a_zone_are_known() -> None:
    assert windows_zone("Asia/Calcutta") == windows_zone("Asia/Kolkata") == "India Standard Time"
    assert windows_zone("Nowhere/There") == ""
