"""What systemd starts: the default target, what of it is masked or missing, services without their program.

Units that only the vendor enables are not all looked at: what the administrator's links start is. A drop-in that does
not parse is left out by systemd, line by line; a service with two commands is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from imgtools.files.tree import GuestReader
from imgtools.guest.health.programs import hidden_system, runs_systemd
from imgtools.guest.health.units import (
    ENDING,
    NEEDED,
    RESCUING,
    VITAL,
    UnitLine,
    default_target,
    lost_programs,
    lost_ways_in,
    masked,
    missing_vital,
    odd_lines,
    twice_started,
)
from imgtools.guest.services.started import ADMIN_UNITS, Init, find_init, unit_path
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, NotThere, Remedy, Severity

MOST_SHOWN = 8  # lines of one file


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what keeps systemd from starting what it should."""
    files = examined.files
    if hidden := hidden_system(examined.system):
        yield NotKnown(f"{hidden} could not be mounted")
        return
    if find_init(files) is not Init.SYSTEMD:
        yield NotThere("no systemd")
        return
    whole = runs_systemd(files)
    yield from _default(files, whole=whole)
    yield from _masked(files)
    if whole:
        yield from _missing(files)
        yield from _programs(files)
    yield from _lines(files)


def _default(files: GuestReader, *, whole: bool) -> Iterator[Finding]:
    path, target, is_there = default_target(files)
    name = target.rpartition("/")[2]
    if not path and not whole:
        return
    if not is_there:
        text = f"the default target {name} is not there" if path else "there is no default target"
        yield Finding(
            "default-target-missing",
            text,
            evidence=(
                Evidence(path or f"{ADMIN_UNITS}/default.target", text=f"leads to {target}" if path else ""),
            ),
            remedy=Remedy("unit", ("names=multi-user.target", "action=default")),
            confidence=Confidence.MEDIUM,
        )
    elif name in (*ENDING, *RESCUING):
        yield Finding(
            "default-target-odd",
            f"the guest starts {name}: nobody but root at the console gets in"
            if name in RESCUING
            else f"it starts {name}",
            evidence=(Evidence(path, text=f"leads to {target}"),),
            remedy=Remedy("unit", ("names=multi-user.target", "action=default")),
            confidence=Confidence.MEDIUM,
        )


def _masked(files: GuestReader) -> Iterator[Finding]:
    default = default_target(files)[1].rpartition("/")[2]
    vital = dict.fromkeys((*VITAL, *((default,) if default else ())))
    for name in masked(files, tuple(dict.fromkeys((*vital, *NEEDED)))):
        stops = name in vital
        yield Finding(
            "unit-masked",
            f"{name} is masked: it is never started",
            severity=Severity.BROKEN if stops else Severity.SUSPICIOUS,
            confidence=Confidence.HIGH if stops else Confidence.MEDIUM,
            evidence=(Evidence(f"{ADMIN_UNITS}/{name}", text="leads to /dev/null, or is empty"),),
            remedy=Remedy("unit", (f"names={name}", "action=unmask")),
        )


def _missing(files: GuestReader) -> Iterator[Finding]:
    for name in missing_vital(files):
        yield Finding(
            "unit-missing",
            f"{name} is not there, and nothing is started without it",
            evidence=(Evidence(f"/usr/lib/systemd/system/{name}", text="not there"),),
            remedy=Remedy("package-files"),
            advice="give the package that has it: --set package-files.file=FILE",
            confidence=Confidence.MEDIUM,
        )
    for path, target in lost_ways_in(files):
        yield Finding(
            "unit-link-broken",
            f"{path.rpartition('/')[2]} is enabled, and its unit is not there",
            severity=Severity.SUSPICIOUS,
            evidence=(Evidence(path, text=f"leads to {target}"),),
            advice="restore the package of the service, or take the link away",
        )


def _programs(files: GuestReader) -> Iterator[Finding]:
    for one in lost_programs(files):
        yield Finding(
            "unit-program-missing",
            f"{one.unit} is enabled, and its program {one.program} is not there",
            severity=Severity.SUSPICIOUS,
            evidence=(Evidence(one.path, one.line, f"ExecStart: {one.program}"),),
            remedy=Remedy("unit", (f"names={one.unit}", "action=disable")),
            confidence=Confidence.MEDIUM,
        )


def _lines(files: GuestReader) -> Iterator[Finding]:
    for path, lines in groupby(odd_lines(files), lambda one: one.path):
        odd = list(lines)[:MOST_SHOWN]
        yield Finding(
            "unit-syntax",
            f"{path} has lines that systemd does not take",
            severity=Severity.SUSPICIOUS,
            evidence=tuple(Evidence(path, one.line, _shown(one)) for one in odd),
            advice="correct it: imgtools edit",
        )
    for unit, line in twice_started(files):
        if unit_path(files, unit):
            yield Finding(
                "unit-refused",
                f"{unit} has two commands, and systemd refuses it: a drop-in has to begin with an empty ExecStart=",
                severity=Severity.SUSPICIOUS,
                evidence=(Evidence(line.path, line.line, f"ExecStart={line.value}"[:200]),),
                advice="write an empty ExecStart= above it: imgtools edit",
            )


def _shown(line: UnitLine) -> str:
    return (f"{line.key}={line.value}" if line.key else line.value)[:200]


STATION = Station(
    summary="The units that systemd starts",
    place=410,
    look=look,
    families=LINUX,
    causes={
        "default-target-missing": "The link default.target leads to a unit that is not there: systemd starts "
        "emergency mode.",
        "default-target-odd": "The default target is the rescue or emergency mode, or switches the machine off: left "
        "behind by somebody, or set by mistake.",
        "unit-masked": "A unit that the boot or logging in needs is masked.",
        "unit-missing": "A unit of systemd itself is not there: half of an upgrade, or files removed.",
        "unit-link-broken": "A service that lets people in is enabled, and its unit is gone.",
        "unit-program-missing": "An enabled service starts a program that is not there: it fails at every boot, and "
        "what needs it fails too.",
        "unit-syntax": "A unit or drop-in of the administrator's has a line that is no setting; systemd leaves it out.",
        "unit-refused": "A drop-in adds a second command to a service that may have one: systemd refuses the service.",
    },
    mended={
        "unit": (
            "default-target-missing",
            "default-target-odd",
            "unit-masked",
            "unit-program-missing",
        ),
        "package-files": ("unit-missing",),
    },
)
