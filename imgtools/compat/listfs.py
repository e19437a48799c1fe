"""What disks hold in the order of libguestfs, and under its names for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imgtools.records.disks import ENCRYPTED, Disk, Holder, Layout, Partition, Volume

# Partitions that libguestfs takes for no filesystem: LDM metadata and data, reserved by Microsoft, Windows' snapshots.
# Source: is_partition_can_hold_filesystem in daemon/listfs.ml.
NO_FILESYSTEM = frozenset(
    {
        "5808C8AA-7E8F-42E0-85D2-E1E90434CFB3",
        "AF9B60A0-1431-4F62-BC68-3311714A69AD",
        "E3C9E316-0B5C-4DB8-817D-F92DF00215AE",
        "CADDEBF1-4400-4DE8-B103-12117DCF3CCF",
    }
)
ORDER = (Holder.DISK, Holder.CRYPT, Holder.PARTITION, Holder.MD, Holder.LV)


class Found(NamedTuple):
    """Something that may hold a filesystem, and blkid's word for what it holds; ``unknown`` for nothing."""

    device: str
    content: str
    volume: Volume


def filesystems_of(layout: Layout) -> Iterator[Found]:
    """Yield what ``list-filesystems`` of libguestfs lists: whole disks, mappings, partitions, arrays, LVs."""
    partitioned = {disk.device for disk in layout.disks if disk.partitions}
    partitions = {one.device: one for disk in layout.disks for one in disk.partitions}
    subvolumes = [one for one in layout.volumes if one.holder is Holder.SUBVOLUME]
    for holder in ORDER:
        volumes = [one for one in layout.volumes if one.holder is holder]
        if holder is Holder.LV:  # as lvs(8) lists them
            volumes.sort(key=lambda one: one.device.split("/"))
        for volume in volumes:
            if volume.device in partitioned:
                continue
            if holder is Holder.PARTITION and not _can_hold(partitions.get(volume.device)):
                continue
            if volume.content.endswith("_member") or volume.content in ENCRYPTED:
                continue
            yield Found(volume.device, volume.content or "unknown", volume)
            for one in subvolumes:
                if volume.device in one.parents and not one.is_default:  # that goes by the device
                    yield Found(one.device, "btrfs", one)


def _can_hold(partition: Partition | None) -> bool:
    return partition is None or (partition.kind != "extended" and partition.type.upper() not in NO_FILESYSTEM)


def partitions_of(layout: Layout) -> Iterator[tuple[Disk, Partition]]:
    """Yield all partitions, each with its disk."""
    for disk in layout.disks:
        for partition in sorted(disk.partitions, key=lambda one: one.number):
            yield disk, partition
