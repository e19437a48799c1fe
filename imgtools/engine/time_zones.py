"""What Windows calls a time zone of the IANA database: the table of Unicode's CLDR, as tzlocal (MIT) carries it.

Source: CLDR's ``common/supplemental/windowsZones.xml``; docs/decisions/windows-time-zones.md.
"""

from __future__ import annotations


def windows_zone(name: str) -> str:
    """Return Windows' name of a zone such as ``Europe/Berlin``; "" if the table has none. Letter case counts."""
    from tzlocal.windows_tz import tz_win  # 46 ms: it reads the zones of this host

    return tz_win.get(name, "")


def nearest_zones(name: str) -> tuple[str, ...]:
    """Return names of the IANA database that look like this one."""
    from difflib import get_close_matches

    from tzlocal.windows_tz import tz_win

    by_folded = {one.casefold(): one for one in tz_win}
    return tuple(by_folded[one] for one in get_close_matches(name.casefold(), list(by_folded), 1, 0.6))
