"""The volume that Windows boots from (ESP, System Reserved), which has no letter: it is mounted at ``/S:``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imgtools.files.tree import GuestTree
from imgtools.guest.guest import Guest
from imgtools.guest.windows.registry import BOOT_FILES, BOOT_VOLUME
from imgtools.records.disks import Declined, Mount

if TYPE_CHECKING:
    from imgtools.image.handle import Image


def with_boot_volume(image: Image, guest: Guest) -> Guest:
    """Return the guest with the volume that its boot configuration is on; as it is, if none has one."""
    if any(guest.files.is_file(path) for path in BOOT_FILES):
        return guest
    mounted = {mount.volume.device for mount in guest.mounts}
    for volume in image.layout().volumes:
        if volume.device in mounted or volume.content not in ("vfat", "ntfs"):
            continue
        filesystem = image.try_mount(volume)
        if isinstance(filesystem, Declined):
            continue
        tree = GuestTree({"/": filesystem}, image.served_by)
        if any(tree.is_file(path) for path in BOOT_FILES):
            mounts = (*guest.mounts, Mount(BOOT_VOLUME, volume))
            return replace(guest, mounts=mounts, files=image.files(mounts))
    return guest
