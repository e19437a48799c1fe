"""Each filesystem's own word on its state: superblock, journal, error flag; with --thorough, its checker's.

Only superblocks are read, unless checkers are asked for: those only look, on an export that cannot be written. A
journal that is to be replayed is what a power cut leaves; the next mount does it, and until then nobody knows more.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.volumes import Trouble, checked, needed_devices, said_by_reader, said_of
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, NotThere, Remedy, Severity
from imgtools.records.disks import Declined, Holder, Volume
from imgtools.records.system import OsType

IDS = {
    Trouble.ERRORS: "filesystem-errors",
    Trouble.DAMAGED: "filesystem-damaged",
    Trouble.JOURNAL: "journal-damaged",
    Trouble.SIZE: "filesystem-size",
    Trouble.DEVICES: "filesystem-device-missing",
    Trouble.DIRTY: "filesystem-dirty",
}
STOPS = (Trouble.DAMAGED, Trouble.JOURNAL, Trouble.SIZE, Trouble.DEVICES)
MENDED = (Trouble.ERRORS, Trouble.DAMAGED, Trouble.JOURNAL, Trouble.DIRTY)
ADVICE = {
    Trouble.SIZE: "make the volume as large as it was: imgtools resize, or lvextend in the guest; nothing else helps",
    Trouble.DEVICES: "give all disks of the guest: --add DISK; else mount it degraded",
}


def needed(examined: Examined) -> frozenset[str]:
    """Return the devices without which the guest does not start."""
    return needed_devices(examined.guest, examined.layout)


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what filesystems say of themselves."""
    volumes = [one for one in examined.layout.volumes if one.holder is not Holder.SUBVOLUME]
    if not any(one.mountable or not one.content for one in volumes):
        yield NotThere("no filesystem")
    for volume in volumes:
        yield from _of_volume(examined, volume)


def _of_volume(examined: Examined, volume: Volume) -> Iterator[Seen]:
    said = said_of(volume, examined.layout, examined.open_device)
    if isinstance(said, Declined):
        if volume.mountable:
            yield NotKnown(f"{said.what}: {said.reason}")
        return
    if volume.content == "ntfs" and not _is_windows(examined):
        answer = examined.open_volume(volume)
        said = said_by_reader(answer.reason) if isinstance(answer, Declined) else ()
    for one in said:
        if one.trouble is Trouble.REPLAY:
            yield NotKnown(f"{volume.device}: {one.text}")
        else:
            yield _finding(examined, volume, one.trouble, one.text, one.offset)
    if examined.thorough and volume.mountable and not said:
        yield from _checked(examined, volume)


def _is_windows(examined: Examined) -> bool:
    return examined.guest is not None and examined.guest.os.type is OsType.WINDOWS


def _finding(examined: Examined, volume: Volume, trouble: Trouble, text: str, offset: int) -> Finding:
    stops = trouble in STOPS and volume.device in examined.once(needed)
    what = volume.content or "a filesystem"
    return Finding(
        IDS[trouble],
        f"{volume.device} ({what}): {text}",
        severity=Severity.BROKEN if stops else Severity.SUSPICIOUS,
        confidence=Confidence.MEDIUM if trouble is Trouble.DIRTY else Confidence.HIGH,
        evidence=(Evidence(volume.device, text=f"{text}, byte {offset}" if offset else text),),
        remedy=_check(volume) if trouble in MENDED else None,
        advice=ADVICE.get(trouble, ""),
    )


def _check(volume: Volume) -> Remedy:
    """The check of a volume; one whose superblock is gone was of ext, whose copies are all that is looked for."""
    kind = () if volume.content else ("type=ext4",)
    return Remedy("filesystem-check", (f"device={volume.device}", *kind))


def _checked(examined: Examined, volume: Volume) -> Iterator[Seen]:
    answer = checked(volume, examined.open_device)
    if isinstance(answer, Declined):
        yield NotKnown(f"{answer.what}: {answer.reason}")
    elif answer.lines:
        yield _complaint(examined, volume, answer.program, answer.lines)


def _complaint(examined: Examined, volume: Volume, program: str, lines: tuple[str, ...]) -> Finding:
    return Finding(
        "filesystem-errors",
        f"{program} finds errors on {volume.device} ({volume.content})",
        severity=Severity.BROKEN if volume.device in examined.once(needed) else Severity.SUSPICIOUS,
        evidence=tuple(Evidence(volume.device, text=line) for line in lines),
        remedy=Remedy("filesystem-check", (f"device={volume.device}",)),
    )


STATION = Station(
    summary="What each filesystem says of its own state",
    place=300,
    look=look,
    causes={
        "filesystem-errors": "The kernel or the checker has found the filesystem damaged, and has noted it. The next "
        "boot checks it; what cannot be put right without a question ends in emergency mode. Disks that fail and "
        "images that were copied while the guest ran are the usual reasons.",
        "filesystem-damaged": "The first superblock is gone or contradicts itself, or the filesystem is marked as not "
        "to be mounted: no kernel mounts it as it is.",
        "journal-damaged": "The journal of an ext filesystem does not begin as one: the kernel refuses to mount it.",
        "filesystem-size": "The filesystem is larger than the volume that it is on: somebody has made a partition or "
        "volume smaller, or cut the image. The kernel refuses to mount it.",
        "filesystem-device-missing": "A filesystem over several devices lacks one of them.",
        "filesystem-dirty": "A filesystem without a journal, or of Windows, was not unmounted: what was written last "
        "may be lost, and Linux may mount it read-only.",
    },
    mended={
        "filesystem-check": (
            "filesystem-errors",
            "filesystem-damaged",
            "journal-damaged",
            "filesystem-dirty",
        ),
    },
)
