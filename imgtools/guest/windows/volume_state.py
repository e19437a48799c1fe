"""How the volume of Windows was left: its dirty flag and its log, and how much room is on it."""

from __future__ import annotations

from enum import StrEnum

from imgtools.errors import BadImage, OddGuest
from imgtools.files.tree import GuestReader, GuestTree
from imgtools.filesystems.ntfs.reader import open_ntfs
from imgtools.records.disks import Declined, DeviceBytes
from imgtools.records.usage import Usage
from imgtools.volumes.volume_file import DiskFile


class VolumeState(StrEnum):
    """What NTFS says of how it was left."""

    CLEAN = "clean"
    DIRTY = "dirty"  # the flag: Windows checks it when it boots
    OPEN_LOG = "open log"  # Windows was not shut down; it plays the log back
    OTHER = "other"  # hibernated, damaged, no NTFS


def volume_state(disk: DeviceBytes) -> VolumeState:
    """Return how an NTFS volume was left."""
    if not isinstance(disk, DiskFile):
        return VolumeState.OTHER
    answer = open_ntfs(disk)
    if not isinstance(answer, Declined):
        return VolumeState.CLEAN
    if "marked dirty" in answer.reason:
        return VolumeState.DIRTY
    return VolumeState.OPEN_LOG if "log is not closed" in answer.reason else VolumeState.OTHER


def room(files: GuestReader) -> Usage | None:
    """Return how much room is on the system's volume; None where nobody can tell."""
    found = files.mounted.get("/") if isinstance(files, GuestTree) else None
    try:
        return found.usage() if found is not None else None
    except (OddGuest, BadImage):
        return None
