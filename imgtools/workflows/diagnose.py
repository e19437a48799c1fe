"""Say why a guest does not boot: walk the way from power-on to login offline, station by station."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.errors import EngineFailed, NoGuest, OddGuest
from imgtools.files.tree import GuestReader, GuestTree
from imgtools.guest.guest import Guest, the_guest
from imgtools.image.handle import Image, open_request
from imgtools.ops.console import with_console
from imgtools.ops.station import (
    Examined,
    ShelvedStation,
    StationReport,
    causes,
    choose_stations,
    explanation,
    load_stations,
    visit,
)
from imgtools.records.diagnosis import Finding, StationState
from imgtools.records.disks import Declined, Volume
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import OsType, Warned
from imgtools.records.usage import Usage
from imgtools.workflows.captured import read_captured


@dataclass(frozen=True, slots=True)
class DiagnoseReport:
    """What was found on the way from power-on to login.

    ``stations`` are in the order of the way; those for other kinds of guests are left out. ``likely_cause`` is the id
    of the first finding at the first broken station, "" if none is broken.
    """

    image: str
    engine: Engine
    root: str
    guest: str
    sound: bool  # nothing was found, neither broken nor suspicious
    likely_cause: str
    stations: tuple[StationReport, ...]
    warnings: tuple[Warned, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, those of broken stations first, in the order of the way."""
        ordered = sorted(self.stations, key=lambda one: one.state is not StationState.BROKEN)
        return tuple(finding for one in ordered for finding in one.findings)


@dataclass(frozen=True, slots=True)
class CauseRow:
    """A finding that a station can have, and what it means."""

    id: str
    station: str
    text: str


@dataclass(frozen=True, slots=True)
class StationRow:
    """A station of the shelf."""

    name: str
    summary: str
    findings: tuple[str, ...]  # the ids of what it can find


@dataclass(frozen=True, slots=True)
class StationsReport:
    """All stations, in the order of the way."""

    stations: tuple[StationRow, ...]
    causes: tuple[CauseRow, ...]


def list_stations() -> StationsReport:
    """Return all stations of the shelf and all that they can find."""
    shelf = load_stations()
    return StationsReport(
        tuple(StationRow(one.name, one.station.summary, tuple(one.station.causes)) for one in shelf),
        tuple(CauseRow(name, one.name, text) for one in shelf for name, text in one.station.causes.items()),
    )


@dataclass(frozen=True, slots=True)
class ExplainReport:
    """What a station looks at, or what a finding means and how it comes about."""

    name: str
    text: str


def explain(name: str) -> ExplainReport:
    """Return what a station or a finding is.

    :raises UsageError: there is neither of that name.
    """
    return ExplainReport(name, explanation(load_stations(), name))


def diagnose(
    request: ImageRequest,
    only: Sequence[str] = (),
    *,
    thorough: bool = False,
    from_serial: Path | None = None,
    progress: Progress | None = None,
) -> DiagnoseReport:
    """Look at every station, or at those that ``only`` names.

    :param thorough: run the checkers of filesystems too, read only.
    :param from_serial: a captured console of the host, whose words are evidence too; ``-`` is standard input.
    :raises UsageError: there is no such station.
    :raises HostError: the captured console cannot be read.
    :raises KeyNeeded: the guest is in an encrypted volume, and no key opens it.
    :raises ManyGuests: there are several, and none was chosen.
    """
    captured = read_captured(from_serial) if from_serial is not None else None
    chosen = choose_stations(load_stations(), tuple(name for word in only for name in word.split(",")))
    with open_request(request) as image:
        examined = examine(image, request.root, thorough=thorough)
        stations = walk(examined, chosen, progress)
        if captured is not None:
            stations = with_console(stations, captured, str(from_serial), causes(load_stations()))
        return _report(image, examined, stations)


def examine(image: Image, root: str | None = None, *, thorough: bool = False) -> Examined:
    """Return what the stations look at. A machine without a guest that can be read has its disks all the same.

    :raises KeyNeeded: the guest is in an encrypted volume, and no key opens it.
    :raises ManyGuests: there are several, and none was chosen.
    """
    guest, why = _found_guest(image, root)

    def open_volume(volume: Volume) -> GuestReader | Declined:
        answer = image.try_mount(volume)
        return answer if isinstance(answer, Declined) else GuestTree({"/": answer}, image.served_by)

    def usage_of(volume: Volume) -> Usage | Declined:
        answer = image.try_mount(volume)
        return answer if isinstance(answer, Declined) else answer.usage()

    return Examined(image.layout(), guest, why, image.try_bytes, open_volume, thorough, usage_of)


def _found_guest(image: Image, root: str | None) -> tuple[Guest | None, str]:
    try:
        guest = the_guest(image, root)
    except (NoGuest, OddGuest, EngineFailed) as error:
        if root is not None and isinstance(error, NoGuest):
            raise
        return None, error.message
    if guest.os.type is OsType.WINDOWS:
        from imgtools.guest.windows.boot_volume import with_boot_volume

        guest = with_boot_volume(image, guest)
    return replace(guest, layout=image.layout()), ""


def walk(
    examined: Examined, chosen: Sequence[ShelvedStation], progress: Progress | None = None
) -> tuple[StationReport, ...]:
    """Visit stations in their order."""
    found: list[StationReport] = []
    for number, one in enumerate(chosen):
        if progress is not None:
            progress(number, len(chosen))
        report = visit(examined, one)
        if report is not None:
            found.append(report)
    return tuple(found)


def _report(image: Image, examined: Examined, stations: tuple[StationReport, ...]) -> DiagnoseReport:
    guest = examined.guest
    broken = [one for one in stations if one.state is StationState.BROKEN]
    warnings = image.warnings if guest is None else guest.warnings
    return DiagnoseReport(
        image=image.infos[0].source.name,
        engine=image.served_by,
        root=guest.root.device if guest else "",
        guest=(guest.os.product_name or guest.os.distro) if guest else "",
        sound=not any(one.findings for one in stations),
        likely_cause=next((f.id for one in broken for f in one.findings if f.severity.value == "broken"), ""),
        stations=stations,
        warnings=warnings,
    )
