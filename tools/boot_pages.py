"""Pages of the stations of a diagnosis and of the repairs, one for each, made from the two shelves themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from imgtools.ops.operation import Shelved, load_shelf
from imgtools.ops.station import ShelvedStation, load_stations
from tools.shelves import about, families_of, section

HEAD = "<!-- Made by `make docs` from imgtools/ops; edit the station or the repair instead. -->\n"
STATIONS, REPAIRS = Path("docs/stations"), Path("docs/repairs")
FOLDERS = (STATIONS, REPAIRS)
WALK = "They are in the order of the way, as [diagnose](../commands/diagnose.md) walks it."
GUIDE = "[It does not boot](../it-does-not-boot.md) leads from what is on the screen to the command."
NAMED = "Where a repair needs parameters, the finding names them with its command."
NOBODY = "No repair does it by itself: the finding says what a person has to do."


def pages() -> dict[Path, str]:
    """Every page of a station or a repair, and the two lists of them: its path in the checkout, and its text."""
    stations, repairs = load_stations(), load_shelf("imgtools.ops.repair")
    return {
        STATIONS / "README.md": _stations(stations),
        REPAIRS / "README.md": _repairs(repairs, stations),
        **{STATIONS / f"{one.name}.md": _station(one) for one in stations},
        **{REPAIRS / f"{name}.md": _repair(one, stations) for name, one in repairs.items()},
    }


def _stations(stations: Sequence[ShelvedStation]) -> str:
    rows = [
        f"| [{one.name}]({one.name}.md) | {one.station.summary} | {len(one.station.causes)} |"
        for one in stations
    ]
    table = "\n".join(["| Station | Looks at | Findings |", "|---|---|---|", *rows])
    return "\n\n".join([f"{HEAD}# Stations", f"{about('stations')} {WALK}", GUIDE, table]) + "\n"


def _station(one: ShelvedStation) -> str:
    """A station: what it looks at, and each of its findings with what it means and what mends it."""
    call = f"    imgtools diagnose disk.qcow2 --only {one.name}"
    parts = [f"{HEAD}# {one.name}", f"*{one.station.summary}.*", one.doc.replace("``", "`")]
    parts += [f"For {families_of(one.station.families)}. It alone:", call]
    parts += [NAMED] if one.station.mended else []
    for name, text in one.station.causes.items():
        parts += [f"## {name}", text, *_mended_by(one, name)]
    return "\n\n".join([*parts, "[All stations](README.md), [all repairs](../repairs/README.md)."]) + "\n"


def _mended_by(one: ShelvedStation, name: str) -> Iterator[str]:
    repairs = one.station.menders(name)
    if not repairs:
        yield NOBODY
    for number, repair in enumerate(repairs):
        yield f"{'Or by' if number else 'Mended by'} [{repair}](../repairs/{repair}.md):"
        yield f"    imgtools repair disk.qcow2 --only {repair}"


def _repairs(repairs: Mapping[str, Shelved], stations: Sequence[ShelvedStation]) -> str:
    rows = [
        f"| [{name}]({name}.md) | {'yes' if one.operation.default else ''} | {one.operation.summary} | "
        f"{sum(1 for _found in _mends(name, stations))} |"
        for name, one in repairs.items()
    ]
    table = "\n".join(["| Repair | By default | What it does | Findings |", "|---|---|---|---|", *rows])
    return "\n\n".join([f"{HEAD}# Repairs", about("repair"), GUIDE, table]) + "\n"


def _repair(one: Shelved, stations: Sequence[ShelvedStation]) -> str:
    """A repair: what it does, its parameters, how it is called, and the findings that it mends."""
    call = f"    imgtools repair disk.qcow2 --only {one.name}            # the plan; --write does it"
    parts = [f"{HEAD}# {one.name}", f"*{one.operation.summary}.*", section(one), call]
    rows = [
        f"| [{name}](../stations/{at}.md#{name}) | [{at}](../stations/{at}.md) |"
        for at, name in _mends(one.name, stations)
    ]
    if rows:
        parts += ["## What it mends", "\n".join(["| Finding | Station |", "|---|---|", *rows])]
    return "\n\n".join([*parts, "[All repairs](README.md), [all stations](../stations/README.md)."]) + "\n"


def _mends(repair: str, stations: Sequence[ShelvedStation]) -> Iterator[tuple[str, str]]:
    """Yield the findings that a repair mends, each behind its station."""
    for one in stations:
        yield from ((one.name, name) for name in one.station.mended.get(repair, ()))
