"""What a station is: one stretch of a machine's way from power-on to login, looked at offline.

A module on the shelf ``ops/stations/`` that says ``STATION = Station(...)`` *is* the station, as with operations: its
file name is its name, its docstring its documentation. A station only reads. It yields a :class:`Finding` for each
thing that is wrong, :class:`NotThere` if the machine has none of it, :class:`NotKnown` for what nobody can tell
offline; one that yields nothing is sound.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar, cast

from imgtools.errors import (
    BadImage,
    EngineFailed,
    GuestFileError,
    OddGuest,
    ToolMissing,
    UnsupportedGuest,
)
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.ops.operation import ANY, Families
from imgtools.ops.selection import nearest
from imgtools.records.diagnosis import Finding, NotKnown, NotThere, Severity, StationState
from imgtools.records.disks import Declined, DeviceBytes, Layout, Volume
from imgtools.records.usage import Usage

Seen = Finding | NotKnown | NotThere
Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True)
class Examined:
    """A machine as stations and checks see it: its disks and, if there is one that can be read, its guest.

    ``guest`` is None if none was found, or none can be read; ``no_guest`` says why. A guest of Windows has its boot
    volume mounted, one of Linux every volume of its fstab. ``open_device`` gives the bytes of a disk or volume (None:
    they can only be read by the appliance), ``open_volume`` the files of a volume by itself, without a boot for it.
    ``usage_of`` tells how full a filesystem is, without a boot for it. ``thorough``: checkers of filesystems may be
    run, which take as long as they take. ``today`` is what ages and expiries are told by.
    """

    layout: Layout
    guest: Guest | None
    no_guest: str = ""
    open_device: Callable[[str], DeviceBytes | None] = lambda device: None
    open_volume: Callable[[Volume], GuestReader | Declined] = lambda volume: Declined(
        volume.device, "not read"
    )
    thorough: bool = False
    usage_of: Callable[[Volume], Usage | Declined] = lambda volume: Declined(volume.device, "not read")
    today: date = field(default_factory=date.today)
    _facts: dict[object, object] = field(default_factory=dict, compare=False, repr=False)

    def once(self, make: Callable[[Examined], Fact]) -> Fact:
        """Return what ``make`` tells of this machine; it is asked once, whichever stations want to know.

        :raises ImgtoolsError: as ``make`` does, each time.
        """
        if make not in self._facts:
            self._facts[make] = make(self)
        return cast("Fact", self._facts[make])

    @property
    def files(self) -> GuestReader:
        """The guest's files.

        :raises OddGuest: there is no guest, or it cannot be read.
        """
        return self.system.files

    @property
    def system(self) -> Guest:
        """The guest.

        :raises OddGuest: there is no guest, or it cannot be read.
        """
        if self.guest is None:
            raise OddGuest(self.no_guest or "no operating system was found")
        return self.guest


@dataclass(frozen=True, slots=True)
class Station:
    """One stretch of the way. ``summary`` is one line without a full stop.

    ``place`` orders the stations along the way: 100s are the disk and the firmware, 200s the boot menu and what it
    starts, 300s filesystems and what lies below them, 400s user space, 500s logging in, 600s Windows, 900s what the
    logs say.
    ``causes`` are the ids of all its findings, each with what it means and how it comes about: ``--explain`` shows it.
    ``families``: the guests that it is for; ANY is also asked where no guest was found.
    ``mended``: by which repair which of the findings is mended, where it can be; a finding says whether this one is.
    """

    summary: str
    place: int
    look: Callable[[Examined], Iterable[Seen]]
    causes: Mapping[str, str]
    families: Families = ANY
    mended: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def menders(self, name: str) -> tuple[str, ...]:
        """Return the repairs that mend a finding, as far as it can be mended at all."""
        return tuple(repair for repair, names in self.mended.items() if name in names)


@dataclass(frozen=True, slots=True)
class ShelvedStation:
    """A station with the name and the documentation that its file gives it."""

    name: str
    station: Station
    doc: str


@dataclass(frozen=True, slots=True)
class StationReport:
    """What a station is like. ``reason`` says why it is not there or not known, or what of it could not be told."""

    name: str
    summary: str
    state: StationState
    findings: tuple[Finding, ...] = ()
    reason: str = ""


def load_stations(package: str = "imgtools.ops.stations") -> tuple[ShelvedStation, ...]:
    """Return the stations of the shelf in the order of the way."""
    path = importlib.import_module(package).__path__
    names = [info.name for info in pkgutil.iter_modules(path) if not info.name.startswith("_")]
    modules = ((name, importlib.import_module(f"{package}.{name}")) for name in names)
    found = [
        ShelvedStation(name.replace("_", "-"), module.STATION, (module.__doc__ or "").strip())
        for name, module in modules
        if hasattr(module, "STATION")
    ]
    return tuple(sorted(found, key=lambda one: (one.station.place, one.name)))


def causes(stations: Sequence[ShelvedStation]) -> dict[str, str]:
    """Return all ids of findings, each with what it means."""
    return {name: text for one in stations for name, text in one.station.causes.items()}


def explanation(stations: Sequence[ShelvedStation], name: str) -> str:
    """Return what a finding, or a station, means.

    :raises UsageError: there is neither of that name; the nearest is named.
    """
    known = {one.name: one.doc for one in stations} | causes(stations)
    if name not in known:
        raise nearest(f"no such station or finding: {name}", name, known, "see imgtools diagnose --list")
    return known[name]


def choose_stations(stations: Sequence[ShelvedStation], names: Sequence[str]) -> tuple[ShelvedStation, ...]:
    """Return the stations that are named; all, if none is.

    :raises UsageError: there is none of that name; the nearest is named.
    """
    known = {one.name: one for one in stations}
    for name in names:
        if name not in known:
            raise nearest(f"no such station: {name}", name, known, "see imgtools diagnose --list")
    return tuple(one for one in stations if not names or one.name in names)


def visit(examined: Examined, shelved: ShelvedStation) -> StationReport | None:
    """Look at one station; None if it is for another kind of guest.

    What it cannot read makes it not known, whatever else it has found; a damaged file never ends the walk.
    """
    station = shelved.station
    if station.families is not ANY and examined.guest is not None:
        if not station.families.include(examined.guest):
            return None
    elif station.families is not ANY:
        return StationReport(shelved.name, station.summary, StationState.UNKNOWN, reason=examined.no_guest)
    seen = tuple(_looked(examined, station))
    findings = tuple(one for one in seen if isinstance(one, Finding))
    reason = "; ".join(dict.fromkeys(one.reason for one in seen if not isinstance(one, Finding)))
    return StationReport(shelved.name, station.summary, _state(seen, findings), findings, reason)


def _looked(examined: Examined, station: Station) -> Iterator[Seen]:
    try:
        yield from station.look(examined)
    except (OddGuest, GuestFileError, BadImage, EngineFailed, UnsupportedGuest, ToolMissing) as error:
        yield NotKnown(error.message)


def _state(seen: Sequence[Seen], findings: Sequence[Finding]) -> StationState:
    if any(one.severity is Severity.BROKEN for one in findings):
        return StationState.BROKEN
    if findings:
        return StationState.SUSPICIOUS
    if any(isinstance(one, NotKnown) for one in seen):
        return StationState.UNKNOWN
    return StationState.ABSENT if seen else StationState.SOUND
