"""What the kernel's arguments call volumes: whether that is there, and what the right name would be."""

from __future__ import annotations

import re
from collections.abc import Callable

from imgtools.guest.find.devices import Devices, read_names
from imgtools.guest.guest import Guest
from imgtools.records.disks import Holder, Layout, Volume
from imgtools.volumes.names import mapper_name

# Names that say exactly which volume is meant; those of disks depend on the machine.
EXACT = re.compile(r"(UUID|PARTUUID|LABEL|PARTLABEL)=\S+$|/dev/(mapper|disk/by-(uuid|label|partuuid))/\S+$")
NAMED = re.compile(rf"{EXACT.pattern}|/dev/\S+$")


def volume_finder(guest: Guest) -> Callable[[str], Volume | None]:
    """Return what finds the volume that one of the guest's names means; None: it is not there."""
    layout = guest.layout or Layout(())
    return Devices(layout, guest.root, read_names(guest.files)).find


def name_of(volume: Volume) -> str:
    """Return the name by which a volume is found on every machine: its mapper name, UUID, or partition's UUID."""
    if volume.holder is Holder.LV:
        group, name = volume.device.split("/")[2:4]
        return f"/dev/mapper/{mapper_name(group, name)}"
    if volume.uuid:
        return f"UUID={volume.uuid}"
    return f"PARTUUID={volume.part_uuid}" if volume.part_uuid else volume.device


def is_same_filesystem(one: Volume, other: Volume) -> bool:
    """Whether two volumes are one filesystem, as the subvolumes of a btrfs are."""
    return one.device == other.device or (one.uuid != "" and one.uuid == other.uuid)
