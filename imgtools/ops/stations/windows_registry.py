r"""The registry hives that Windows cannot start without, and the control set that is used.

The loader reads SYSTEM; without it, or where the control set is not there that ``Select`` names, Windows stops with
0xC000014C, 0x74 or 0x51; SOFTWARE, SAM, SECURITY and DEFAULT are loaded later (0xC0000218).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined, Seen, Station
from imgtools.ops.windows_stations import boot_facts
from imgtools.records.diagnosis import Evidence, Finding, Remedy

NO_BACKUP = (
    "restore the hive from a backup of the machine: there is none beside it, and RegBack is empty since 1803"
)


def look(examined: Examined) -> Iterator[Seen]:
    """Yield hives that are missing or damaged, and a control set that is not whole."""
    facts = examined.once(boot_facts)
    for hive in facts.hives:
        if hive.problem:
            is_there = examined.files.is_file(hive.path)
            yield Finding(
                "windows-hive-damaged" if is_there else "windows-hive-missing",
                f"the registry hive {hive.name} cannot be used: {hive.problem}",
                evidence=(Evidence(hive.path, text=hive.problem),),
                remedy=Remedy("windows-hive-backup") if hive.backup else None,
                advice="" if hive.backup else NO_BACKUP,
            )
    for lost in facts.lost_sets:
        number = f"{lost.number:03d}"
        yield Finding(
            "windows-control-set-missing",
            f"Windows uses control set {number}, which is not whole: {lost.why}",
            evidence=(Evidence(r"HKLM\SYSTEM\Select", text=f"{lost.named} is {lost.number}; {lost.why}"),),
            remedy=Remedy("windows-last-known-good") if lost.good else None,
            advice="" if lost.good else "restore the SYSTEM hive from a backup",
        )


STATION = Station(
    summary="The registry that Windows starts with",
    place=620,
    look=look,
    families=WINDOWS,
    causes={
        "windows-hive-missing": r"A file of \Windows\System32\config that Windows cannot start without is not there.",
        "windows-hive-damaged": r"A file of \Windows\System32\config is no registry hive, or was cut off or "
        "overwritten: after a power cut, a full disk or a damaged filesystem.",
        "windows-control-set-missing": r"HKLM\SYSTEM\Select names the set of drivers and services that is used. Where "
        "it is not there, or has no drivers, Windows stops before anything runs.",
    },
    mended={
        "windows-hive-backup": (
            "windows-hive-missing",
            "windows-hive-damaged",
        ),
        "windows-last-known-good": ("windows-control-set-missing",),
    },
)
