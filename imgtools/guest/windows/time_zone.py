r"""The time zone of a Windows guest: found among the zones that it has, and written with all that belongs to it.

``HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones\NAME`` has a zone's rule (TZI), and its names as texts
(Std, Dlt) and as resources (MUI_Std, MUI_Dlt). Sources: "TIME_ZONE_INFORMATION structure" and
"DYNAMIC_TIME_ZONE_INFORMATION structure" (learn.microsoft.com), the latter with the layout of TZI.
"""

from __future__ import annotations

import calendar
import datetime
import struct
from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple

from imgtools.change.change import RegistryChange, RegistrySet
from imgtools.engine.time_zones import nearest_zones, windows_zone
from imgtools.errors import OddGuest, UnsupportedGuest
from imgtools.guest.windows.registry import MACHINE, HiveKey, Registry

ZONES = rf"{MACHINE}\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones"
CURRENT = rf"{MACHINE}\SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
TZI = struct.Struct("<iii16s16s")  # minutes west of UTC, of standard and of daylight time; when each begins
DATE = struct.Struct(
    "<8H"
)  # SYSTEMTIME: year, month, weekday from Sunday on, day, hour, minute, second, milliseconds
LAST = 5  # of the weekdays in a month


class ZoneRule(NamedTuple):
    """What TZI says: differences in minutes, and the two days of the year as SYSTEMTIME."""

    bias: int
    standard_bias: int
    daylight_bias: int
    standard_start: bytes
    daylight_start: bytes

    def bias_at(self, now: datetime.datetime) -> int:
        """Return the minutes west of UTC at a time that is given in UTC."""
        standard, daylight = self.bias + self.standard_bias, self.bias + self.daylight_bias
        begins = _in_year(self.daylight_start, now.year, standard)
        ends = _in_year(self.standard_start, now.year, daylight)
        if begins is None or ends is None:
            return standard
        if begins < ends:
            return daylight if begins <= now < ends else standard
        return standard if ends <= now < begins else daylight


def _in_year(date: bytes, year: int, bias: int) -> datetime.datetime | None:
    """Return when a day of a rule is in a year, in UTC; None if the rule has no such day (its month is 0).

    :param bias: that holds until then, in minutes west of UTC.
    :raises ValueError: it is no day.
    """
    fixed, month, weekday, day, hour, minute, second, _ = DATE.unpack(date)
    if not month:
        return None
    if not fixed:
        first, length = calendar.monthrange(year, month)  # first: from Monday on
        day = 1 + (weekday - (first + 1)) % 7 + 7 * (min(day, LAST) - 1)
        day -= 7 if day > length else 0
    at = datetime.datetime(fixed or year, month, day, hour, minute, second, tzinfo=datetime.UTC)
    return at + datetime.timedelta(minutes=bias)


def find_zone(registry: Registry, name: str) -> HiveKey:
    """Return the key of a zone that the guest has, by its name in the IANA database or in Windows.

    :raises UnsupportedGuest: it has none of that name.
    """
    zones = registry.find(ZONES)
    wanted = windows_zone(name) or name
    found = zones.subkey(wanted) if zones is not None and wanted and "\\" not in wanted else None
    if found is not None:
        return found
    hints = _nearest(zones, name) if wanted == name else ()
    what = f"{name}, which Windows calls {wanted}" if wanted != name else repr(name)
    raise UnsupportedGuest(
        f"the guest has no time zone {what}",
        hint=f"did you mean {' or '.join(hints)}?" if hints else rf"imgtools registry list IMAGE '{ZONES}'",
    )


def _nearest(zones: HiveKey | None, name: str) -> tuple[str, ...]:
    """Return what may have been meant: a zone of the guest, a name of the IANA database."""
    known = {_bare(one.name): one.name for one in zones.subkeys()} if zones is not None else {}
    near = get_close_matches(_bare(name), list(known), 1, 0.6)
    found = (*(known[one] for one in near), *nearest_zones(name))
    return tuple(one for one in found if one != name)


def _bare(name: str) -> str:
    """A name without the words that nearly all have."""
    return name.casefold().removesuffix(" standard time")


def zone_changes(registry: Registry, name: str) -> Iterator[RegistryChange]:
    """Yield what gives the guest a time zone; nothing if it has it.

    :raises UnsupportedGuest: the guest has no such zone.
    :raises OddGuest: the zone's rule is none.
    """
    zone = find_zone(registry, name)
    rule = _rule(zone)
    place = registry.place(CURRENT)
    texts = {
        "TimeZoneKeyName": zone.name,
        "StandardName": zone.text("MUI_Std") or zone.text("Std") or zone.name,
        "DaylightName": zone.text("MUI_Dlt") or zone.text("Dlt") or zone.name,
    }
    numbers = {
        "Bias": rule.bias,
        "StandardBias": rule.standard_bias,
        "DaylightBias": rule.daylight_bias,
        "DynamicDaylightTimeDisabled": 0,
    }
    starts = {"StandardStart": rule.standard_start, "DaylightStart": rule.daylight_start}
    now = registry.hive(place.path).key(place.key)
    changes = [
        *(RegistrySet(place.path, place.key, one, text=text) for one, text in texts.items()),
        *(_number(place.path, place.key, one, number) for one, number in numbers.items()),
        *(RegistrySet(place.path, place.key, one, "REG_BINARY", data=data) for one, data in starts.items()),
    ]
    left = [one for one in changes if not _is_so(now, one)]
    yield from left
    if left:  # what holds at the moment, which Windows reckons anew when it starts
        try:
            active = rule.bias_at(datetime.datetime.now(datetime.UTC))
        except (ValueError, OverflowError):
            raise _odd(zone) from None
        yield _number(place.path, place.key, "ActiveTimeBias", active)


def _rule(zone: HiveKey) -> ZoneRule:
    value = zone.value("TZI")
    if value is None or len(value.data) != TZI.size:
        raise _odd(zone)
    return ZoneRule(*TZI.unpack(value.data))


def _odd(zone: HiveKey) -> OddGuest:
    return OddGuest(f"the rule (TZI) of the time zone {zone.name} in the guest's registry is none")


def _number(path: str, key: str, name: str, number: int) -> RegistrySet:
    return RegistrySet(path, key, name, "REG_DWORD", number=number % (1 << 32))


def _is_so(key: HiveKey | None, change: RegistrySet) -> bool:
    """Whether a key has the value that a change would set."""
    value = key.value(change.name) if key is not None else None
    if value is None or value.type_name != change.type:
        return False
    if change.text is not None:
        return value.text == change.text  # Windows leaves rests of earlier texts behind it
    return value.number == change.number if change.number is not None else value.data == change.data
