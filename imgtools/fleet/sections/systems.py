"""Which systems there are, how many of each, and until when they get updates, as far as the host's files say."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from imgtools.fleet.newest import Runs, of_run
from imgtools.fleet.part import Part, count, first_rows, many, row, unasked
from imgtools.fleet.schema import IMAGES, KIND_TABLES
from imgtools.guest.find.osinfo import ROLLING
from imgtools.guest.packages.release_end import ReleaseEnd, published_end
from imgtools.reports.charts import Bar, BarChart
from imgtools.reports.page import TONES, Section, weight

TITLE = "Systems"
SOON = 90  # days before its end a release is told, as the audit does
BARS = 12


class _Release(NamedTuple):
    distro: str
    major: int
    minor: int
    product_name: str
    osinfo: str

    @property
    def name(self) -> str:
        return self.product_name or f"{self.distro} {self.major}.{self.minor}"

    @property
    def end(self) -> ReleaseEnd | None:
        return published_end(self.distro, f"{self.major}.{self.minor:02d}", self.osinfo)

    @property
    def order(self) -> str:
        return "\0".join(map(str, self))


def systems(connection: Connection, runs: Runs, today: date) -> Part:
    """Return the releases of a fleet, those past their end first."""
    if (run := runs.get("inspect")) is None:
        return Part(unasked(TITLE, "inspect"))
    table = KIND_TABLES["guests"]
    columns = [table.c[name] for name in _Release._fields]
    wanted = of_run(run, table, *columns, IMAGES.c.id, IMAGES.c.path).order_by(IMAGES.c.id, table.c.position)
    found = count((_Release(*names), image, path, "") for *names, image, path in connection.execute(wanted))
    told = [(*_support(one, one.end, today), one, tally) for one, tally in found.items()]
    told.sort(key=lambda one: (weight(one[0]), -one[3].rows, one[2].order))
    rows, note = first_rows(
        [row(state, one.name, text, str(tally.rows), tally.more) for state, text, one, tally in told]
    )
    past = [tally.rows for state, _, _, tally in told if state == "past its end"]
    guests = sum(tally.rows for tally in found.values())
    by_distro = Counter[str]()
    for one, tally in found.items():
        by_distro[one.distro] += tally.rows
    most = sorted(told, key=lambda one: (-one[3].rows, one[2].order))
    releases = [
        Bar(one.name, tally.rows, str(tally.rows), TONES.get(state, "plain")) for state, _, one, tally in most
    ]
    section = Section(
        TITLE,
        rows,
        columns=("Updates", "System", "Until when", "Guests"),
        charts=(
            _chart(
                "Guests by distribution",
                [Bar(name, number, str(number)) for name, number in _most(by_distro)],
            ),
            _chart("Guests by release", releases),
        ),
        note=note,
    )
    alarm = f"{many(sum(past), 'guest')} of {many(len(past), 'release')} past its end" if past else ""
    return Part(
        section, alarm, (("Guests", f"{guests}, of {many(len(found), 'release')}"),) if guests else ()
    )


def _support(one: _Release, end: ReleaseEnd | None, today: date) -> tuple[str, str]:
    """Return what is said of a release, and until when."""
    if end is None:
        rolling = one.distro in ROLLING or one.osinfo == "opensusetumbleweed"
        return ("always updated", "it has no releases") if rolling else ("not known", "")
    until = f"until {end.longest.isoformat()}, by {end.source}"
    left = (end.longest - today).days
    if left < 0:
        return "past its end", until
    if end.usual < today:
        return "long-term only", until
    return ("ends soon" if left <= SOON else "supported"), until


def _most(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))


def _chart(title: str, bars: list[Bar]) -> BarChart:
    """Return a chart of the first bars, and of the others together."""
    if len(bars) > BARS:
        others = sum(one.value for one in bars[BARS - 1 :])
        bars = [*bars[: BARS - 1], Bar(f"{len(bars) - BARS + 1} others", others, f"{others:.0f}", "plain")]
    return BarChart(title, tuple(bars))
