"""Package managers that were stopped in the middle, and libraries that half an upgrade leaves."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.paths import join
from imgtools.guest.health.packages import (
    STATUS,
    HalfDone,
    damaged_rpm,
    dangling_libraries,
    half_dpkg,
    half_files,
    half_others,
    lost_dpkg_status,
)
from imgtools.guest.health.programs import hidden_system
from imgtools.guest.packages.applications import find_rpm_database, rpm_database_damage
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, NotThere, Remedy, Severity

MOST_SHOWN = 8


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what was stopped in the middle."""
    files = examined.files
    if hidden := hidden_system(examined.system):
        yield NotKnown(f"{hidden} could not be mounted")
        return
    if not examined.system.os.package_format:
        yield NotThere("no database of packages")
        return
    half = [*half_dpkg(files), *half_files(files), *half_others(files)]
    if half:
        yield _interrupted(half)
    if lost_dpkg_status(files):
        yield Finding(
            "dpkg-status-missing",
            "dpkg's list of what is installed is empty, and packages are installed",
            severity=Severity.SUSPICIOUS,
            evidence=(Evidence(STATUS, text="empty, or not there"),),
            advice=f"put {STATUS}-old, or the newest of /var/backups/dpkg.status*, in its place",
        )
    is_rpm = examined.system.os.package_format == "rpm"
    if is_rpm:
        yield from _rpm(examined)
    dangling = list(dangling_libraries(files))
    if dangling:
        yield Finding(
            "library-link-broken",
            f"{len(dangling)} links to libraries lead nowhere",
            severity=Severity.SUSPICIOUS,
            confidence=Confidence.MEDIUM,
            evidence=_shown(dangling),
            remedy=Remedy("package-files"),
            advice="give the package that has it: --set package-files.file=FILE",
        )


def _interrupted(half: list[HalfDone]) -> Finding:
    return Finding(
        "packages-interrupted",
        f"a package manager was stopped in the middle: {half[0].text}"
        + (f", and {len(half) - 1} more" if len(half) > 1 else ""),
        severity=Severity.SUSPICIOUS,
        evidence=_shown(half),
        remedy=Remedy("packages-interrupted"),
    )


def _rpm(examined: Examined) -> Iterator[Finding]:
    """A database that is none at a glance; with ``--thorough``, one that rpm's own check finds something in."""
    damage = damaged_rpm(examined.files)
    if damage is None and examined.thorough and (said := rpm_database_damage(examined.files)):
        path = join(*find_rpm_database(examined.files))
        yield _damaged_rpm(path, said, Remedy("rpm-database"))
    elif damage is not None:
        yield _damaged_rpm(damage.path, damage.text, None)


def _damaged_rpm(path: str, said: str, remedy: Remedy | None) -> Finding:
    return Finding(
        "rpm-database-damaged",
        f"the database of rpm is damaged: {said}",
        severity=Severity.SUSPICIOUS,
        evidence=(Evidence(path, text=said),),
        remedy=remedy,
        advice=""
        if remedy
        else f"put back a copy of {path}: nothing in it is left that rpm could build it of",
    )


def _shown(half: list[HalfDone]) -> tuple[Evidence, ...]:
    return tuple(Evidence(one.path, one.line, one.text) for one in half[:MOST_SHOWN])


STATION = Station(
    summary="Package managers stopped in the middle",
    place=430,
    look=look,
    families=LINUX,
    causes={
        "packages-interrupted": "An installation or an upgrade was stopped in the middle: packages are unpacked and "
        "not configured, a kernel has no initial RAM disk, services have new programs and old settings.",
        "dpkg-status-missing": "dpkg's status file is empty, after a power cut or a full disk: nothing can be "
        "installed or upgraded.",
        "rpm-database-damaged": "The database of rpm is empty or no database: nothing can be installed or upgraded. "
        "With --thorough it is checked by rpm itself: where an index is damaged, rpm takes an installed package for "
        "one that is not there; where a table is, packages are lost.",
        "library-link-broken": "The link that programs load a library by leads nowhere: half of an upgrade, or a file "
        "removed by hand.",
    },
    mended={
        "packages-interrupted": ("packages-interrupted",),
        "rpm-database": ("rpm-database-damaged",),
        "package-files": ("library-link-broken",),
    },
)
