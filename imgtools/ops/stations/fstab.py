"""/etc/fstab line by line: which volume is meant, and what happens at boot where it is not there.

systemd waits ninety seconds for what a line names and then ends in emergency mode, unless it says nofail or noauto.
A swap that is missing is waited for, and does not end the boot. Older inits stop where a check of a filesystem fails.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.find.fstab import FSTAB
from imgtools.guest.health.fstab_lines import FstabProblem, Wrong, fstab_problems
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, NotThere, Remedy, Severity
from imgtools.records.disks import MORE_DISKS, Declined

IDS = {
    Wrong.SYNTAX: "fstab-syntax",
    Wrong.SOURCE: "fstab-source-missing",
    Wrong.SWAP: "fstab-swap-missing",
    Wrong.TYPE: "fstab-type",
    Wrong.OPTION: "fstab-option",
    Wrong.PLACE: "fstab-mount-point",
    Wrong.NETWORK: "fstab-network",
    Wrong.TWICE: "fstab-duplicate",
    Wrong.AMBIGUOUS: "fstab-source-ambiguous",
    Wrong.SUBVOLUME: "fstab-subvolume-missing",
    Wrong.UNSTABLE: "fstab-name-unstable",
    Wrong.NOFAIL: "fstab-nofail-missing",
}
MENDED = (Wrong.SYNTAX, Wrong.SOURCE, Wrong.SWAP, Wrong.TYPE, Wrong.OPTION, Wrong.NETWORK, Wrong.TWICE)
ADVICE = {
    Wrong.PLACE: "make the directory: imgtools mkdir",
    Wrong.AMBIGUOUS: "give one of them a new UUID: imgtools repair --only new-uuids, or take the copy away",
    Wrong.SUBVOLUME: "name a subvolume that is there: imgtools edit IMAGE /etc/fstab",
    Wrong.UNSTABLE: "name it by its UUID, which imgtools filesystems shows",
    Wrong.NOFAIL: "if the system can do without it, add nofail to the line: imgtools edit IMAGE /etc/fstab",
}
# Sound as long as the machine keeps its disks.
MAY_BE_MEANT = (Wrong.UNSTABLE, Wrong.NOFAIL)


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what is wrong with each line."""
    guest = examined.system
    if not guest.files.is_file(FSTAB):
        yield NotThere(f"no {FSTAB}")
        return
    alone = examined.open_volume(guest.root)
    bare = None if isinstance(alone, Declined) else alone
    for one in fstab_problems(guest.files, guest.root, examined.layout, bare=bare):
        if one.wrong is Wrong.LOCKED:
            yield NotKnown(one.text)
        else:
            yield _finding(one)


def _finding(one: FstabProblem) -> Finding:
    lost = one.wrong in (Wrong.SOURCE, Wrong.SWAP)
    sure = one.is_system or not lost
    return Finding(
        IDS[one.wrong],
        one.text + ("; the boot ends in emergency mode" if one.stops else ""),
        severity=Severity.BROKEN if one.stops else Severity.SUSPICIOUS,
        confidence=_confidence(one, sure=sure),
        evidence=(Evidence(FSTAB, one.line, one.raw),),
        remedy=Remedy("fstab") if one.wrong in MENDED and one.mendable else None,
        advice=MORE_DISKS if lost and not sure else ADVICE.get(one.wrong, ""),
    )


def _confidence(one: FstabProblem, *, sure: bool) -> Confidence:
    if one.wrong in MAY_BE_MEANT:
        return Confidence.LOW
    return Confidence.HIGH if sure else Confidence.MEDIUM


STATION = Station(
    summary="The lines of fstab against the volumes",
    place=330,
    look=look,
    families=LINUX,
    causes={
        "fstab-source-missing": "A line names a volume that is not there: its filesystem was made anew and has another "
        "UUID, the disk was taken away or has another name (sdb became nvme1n1), or the line has a typing mistake.",
        "fstab-swap-missing": "A line names swap space that is not there. The boot waits for it for ninety seconds and "
        "goes on without.",
        "fstab-type": "A line gives a volume a type that it does not have: the mount fails.",
        "fstab-option": "A line has an option that this kind of filesystem does not know: the mount fails, or the root "
        "stays read-only.",
        "fstab-mount-point": "What a line mounts on is not there, or is no directory.",
        "fstab-network": "A filesystem of the network whose type does not say so is mounted before there is a network: "
        "_netdev is missing.",
        "fstab-duplicate": "Two lines mount on the same directory; systemd takes the first.",
        "fstab-source-ambiguous": "Two volumes have the UUID or label that a line names, a clone and its original: "
        "which of them is mounted, is chance. XFS refuses the second.",
        "fstab-subvolume-missing": "A line names a subvolume of btrfs that is not there: it was renamed, deleted, or "
        "a snapshot has taken its place. The mount fails.",
        "fstab-name-unstable": "A line names a disk by its place (sdb1, vdb1), and the guest has several: with another "
        "disk or controller it is another one. A UUID is the same in every order.",
        "fstab-nofail-missing": "A line mounts a volume of another disk than the system's, and does not say nofail. "
        "Once that disk is not there, as in a clone, a restore or a new machine, the boot ends in emergency mode.",
        "fstab-syntax": "A line is none of fstab(5); it is left out, or taken for something else.",
    },
    mended={
        "fstab": (
            "fstab-source-missing",
            "fstab-swap-missing",
            "fstab-type",
            "fstab-option",
            "fstab-network",
            "fstab-duplicate",
            "fstab-syntax",
        ),
    },
)
