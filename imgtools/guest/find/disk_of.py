"""Which disk a volume is on, through everything that it is made of."""

from __future__ import annotations

from imgtools.records.disks import Disk, Layout, Volume


def disk_of(volume: Volume, layout: Layout) -> Disk | None:
    """Return the disk that a volume, or what it is made of, is on."""
    devices = {volume.device.removeprefix("btrfsvol:"), *volume.parents}
    for _level in range(8):  # LV on LUKS on md on a partition, and some more
        parents = {parent for other in layout.volumes if other.device in devices for parent in other.parents}
        if parents <= devices:
            break
        devices |= parents
    for disk in layout.disks:
        if disk.device in devices or any(part.device in devices for part in disk.partitions):
            return disk
    return None
