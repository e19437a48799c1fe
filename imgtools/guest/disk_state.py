"""What is wrong with a guest's disks below its files: partition tables, and filesystems that complain of themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from imgtools.change.change import WriteDisk
from imgtools.errors import BadImage
from imgtools.filesystems.state import Trouble, filesystem_state
from imgtools.guest.guest import Guest
from imgtools.records.disks import Holder, Volume
from imgtools.volumes.gpt_repair import mend_gpt
from imgtools.volumes.names import is_called

MENDED = ("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "ntfs")  # whose checkers mend
# What a checker puts right; a journal that waits for the next mount is none of it.
FOR_CHECKERS = (Trouble.ERRORS, Trouble.DAMAGED, Trouble.JOURNAL)


def mend_tables(guest: Guest, device: str = "") -> Iterator[WriteDisk]:
    """Yield what makes the partition tables of a guest's disks whole; of one disk, if it is named.

    :raises UnsupportedGuest: a disk is smaller than its partitions.
    """
    for disk in guest.layout.disks if guest.layout else ():
        file = guest.open_device(disk.device)
        if file is None or device not in ("", disk.device):
            continue
        for one in mend_gpt(file):
            before = hashlib.sha256(file.read_at(one.offset, len(one.content))).hexdigest()
            yield WriteDisk(disk.device, one.offset, one.content, before, one.what)


def own_volumes(guest: Guest) -> list[Volume]:
    """Return the volumes, a btrfs once, however many subvolumes it has."""
    return [one for one in guest.layout.volumes if one.holder is not Holder.SUBVOLUME] if guest.layout else []


def volume_called(guest: Guest, name: str) -> Volume | None:
    """Return the volume that has a name: its device, UUID or label."""
    volumes = own_volumes(guest)
    exact = [one for one in volumes if one.device == name]
    return next(iter([*exact, *(one for one in volumes if is_called(one, name))]), None)


def complaining(guest: Guest) -> list[Volume]:
    """Return the volumes whose filesystem's own superblock says that errors were met."""
    return [one for one in own_volumes(guest) if one.content in MENDED and _complains(guest, one)]


def _complains(guest: Guest, volume: Volume) -> bool:
    file = guest.open_device(volume.device)
    try:
        said = filesystem_state(file, volume.content) if file is not None else ()
    except BadImage:  # it is cut, and its checker alone cannot help
        return False
    return any(one.trouble in FOR_CHECKERS for one in said)
