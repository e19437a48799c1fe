"""The partition tables of all disks: both copies of a GPT, the MBR in front of it, and where partitions lie.

The firmware finds the boot loader by them, the kernel the root. Linux reads a GPT only if the first sector announces it
(a partition of type EE), and of its two copies only the first.

What is not looked at: tables of other machines (Sun, BSD, DASD).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.boot.tables import TableFault, table_faults
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotThere, Remedy, Severity

# What does not keep a machine from starting, as things are.
SUSPICIOUS = frozenset({"gpt-backup-damaged", "gpt-backup-misplaced", "gpt-hybrid", "partitions-overlap"})
MENDED = frozenset({"gpt-primary-damaged", "gpt-backup-damaged", "gpt-backup-misplaced", "gpt-not-announced"})
ADVICE = {
    "gpt-damaged": "write the table again from a dump of it (sfdisk --dump), or find the partitions with testdisk",
    "gpt-hybrid": "fine for machines that start from either; tools that change one of the tables leave the other",
    "partition-table-missing": "write the table again from a dump of it, or find the partitions with testdisk",
    "partition-beyond-disk": "the disk has lost its end: enlarge the image to what the table says, or use a backup",
    "partitions-overlap": "compare both with a dump of the table: writing to one destroys the other",
    "logical-partitions-damaged": "write the table again from a dump of it, or find the partitions with testdisk",
}


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what is wrong with the tables."""
    whole = {one.device for one in examined.layout.volumes if one.content}
    faults = [
        (disk.device, fault)
        for disk in examined.layout.disks
        for fault in table_faults(examined.open_device(disk.device), disk, is_volume=disk.device in whole)
    ]
    yield from (_finding(device, fault) for device, fault in faults)
    if not faults and not any(disk.table for disk in examined.layout.disks):
        yield NotThere("no disk has a partition table")


def _finding(device: str, fault: TableFault) -> Finding:
    return Finding(
        fault.kind,
        fault.text,
        severity=Severity.SUSPICIOUS if fault.kind in SUSPICIOUS else Severity.BROKEN,
        confidence=Confidence.MEDIUM if fault.kind == "partition-table-missing" else Confidence.HIGH,
        evidence=(Evidence(device, text=fault.text),),
        remedy=Remedy("partition-table") if fault.kind in MENDED else None,
        advice=ADVICE.get(fault.kind, ""),
    )


STATION = Station(
    summary="The partition tables",
    place=100,
    look=look,
    causes={
        "gpt-primary-damaged": "The GPT at the beginning of a disk was overwritten (a boot loader of another kind, an "
        "image written over it); its copy at the end is whole. Firmware takes the copy, Linux does not: it sees no "
        "partitions, and waits for its root.",
        "gpt-damaged": "The disk says that it has a GPT, and neither copy of it is whole: nobody finds partitions.",
        "gpt-backup-damaged": "The copy of the GPT at the end of the disk is damaged or differs. Everything starts; "
        "there is nothing to fall back on.",
        "gpt-backup-misplaced": "The copy of the GPT is not at the end of the disk, because the disk was enlarged or "
        "cut. Everything starts; partitions cannot grow into the new room until the copy is moved.",
        "gpt-not-announced": "There is a GPT, but the disk's first sector has no partition of type EE, so neither "
        "firmware nor Linux looks at it: something has overwritten the sector.",
        "gpt-hybrid": "The first sector names partitions beside the one that announces the GPT. The two tables are "
        "kept alike by hand.",
        "partition-table-missing": "The disk's first sector is no partition table any more, yet a filesystem lies "
        "where a first partition begins.",
        "partition-beyond-disk": "A partition ends behind the end of the disk: the image was cut, or not copied whole.",
        "partitions-overlap": "Two partitions share sectors: what is written to one is lost in the other.",
        "logical-partitions-damaged": "The chain of boot records that leads from one logical partition to the next is "
        "broken; those behind the break are not found.",
    },
    mended={
        "partition-table": (
            "gpt-primary-damaged",
            "gpt-backup-damaged",
            "gpt-backup-misplaced",
            "gpt-not-announced",
        ),
    },
)
