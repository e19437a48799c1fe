"""What is said of a station by what it yields, and what becomes of one that cannot read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from imgtools.errors import OddGuest
from imgtools.ops.operation import ANY, LINUX, WINDOWS, Families
from imgtools.ops.station import Examined, Seen, ShelvedStation, Station, StationReport, visit
from imgtools.records.diagnosis import Finding, NotKnown, NotThere, Severity, StationState
from imgtools.records.disks import Layout
from tests.support.sysprep import guest_of

BROKEN, ODD = Finding("a", "stops"), Finding("b", "odd", Severity.SUSPICIOUS)


def reported(
    *seen: Seen, families: Families = LINUX, guest: bool = True, error: bool = False
) -> StationReport | None:
    def look(examined: Examined) -> Iterator[Seen]:
        yield from seen
        if error:
            raise OddGuest("it does not parse")

    examined = Examined(Layout(()), guest_of({}) if guest else None, "no system")
    return visit(examined, ShelvedStation("x", Station("X", 1, look, {}, families), ""))


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        ((), StationState.SOUND),
        ((BROKEN,), StationState.BROKEN),
        ((ODD,), StationState.SUSPICIOUS),
        ((ODD, BROKEN), StationState.BROKEN),
        ((NotThere("no LVM"),), StationState.ABSENT),
        ((NotKnown("locked"),), StationState.UNKNOWN),
        ((NotThere("no LVM"), NotKnown("locked")), StationState.UNKNOWN),
        ((NotKnown("locked"), ODD), StationState.SUSPICIOUS),
    ],
)
def test_a_state(seen: tuple[Seen, ...], state: StationState) -> None:
    report = reported(*seen)
    assert report is not None and report.state is state


def test_what_was_found_before_it_could_not_read_on_counts() -> None:
    report = reported(BROKEN, error=True)
    assert report is not None and report.findings == (BROKEN,) and report.reason == "it does not parse"
    nothing = reported(error=True)
    assert nothing is not None and nothing.state is StationState.UNKNOWN


def test_a_station_for_other_guests_is_left_out() -> None:
    assert reported(families=WINDOWS) is None


def test_without_a_guest_only_stations_for_any_are_asked() -> None:
    assert (
        (one := reported(BROKEN, guest=False))
        and one.state is StationState.UNKNOWN
        and one.reason == "no system"
    )
    assert (two := reported(BROKEN, guest=False, families=ANY)) and two.state is StationState.BROKEN


def test_a_fact_is_made_once() -> None:
    asked: list[int] = []

    def fact(examined: Examined) -> int:
        asked.append(1)
        return 7

    examined = Examined(Layout(()), None)
    assert examined.once(fact) == examined.once(fact) == 7 and len(asked) == 1
