"""What md and LVM make of the volumes of an image: arrays and logical volumes, as their members are met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from imgtools.errors import BadImage
from imgtools.records.disks import Array, Declined, Disk, Holder, Partition, Volume
from imgtools.volumes.names import array_name
from imgtools.volumes.partitions import read_disk
from imgtools.volumes.volume_file import DiskFile

if TYPE_CHECKING:
    from imgtools.volumes.lvm import Groups, Member
    from imgtools.volumes.md import MemberDisk

NO_SUPERBLOCK = "its md superblock is not one of version 0.90, 1.0, 1.1 or 1.2"


class Found(NamedTuple):
    """A volume and its bytes."""

    volume: Volume
    file: DiskFile


def partition_volume(disk: Disk, partition: Partition) -> Volume:
    """The volume of a partition, before anybody has looked into it."""
    return Volume(
        device=partition.device,
        holder=Holder.PARTITION,
        size=partition.size,
        parents=(disk.device,),
        part_uuid=partition.id,
        part_label=partition.name,
        sector_size=disk.sector_size,
    )


class Assembly:
    """Arrays and groups of one image while its volumes are found.

    :param unread: takes what cannot be put together, and why.
    """

    def __init__(self, unread: list[Declined]) -> None:
        self._unread = unread
        self._members: list[Member] = []
        self._raid: list[MemberDisk] = []
        self._tried: set[str] = set()  # UUIDs of the arrays that were put together, or cannot be
        self._count = 0  # of those that have a device, here or in the kernel
        self._known: set[str] = set()  # logical volumes that were met
        self.arrays: list[Array] = []
        self.groups: Groups | None = None

    def add(self, fresh: Sequence[Found]) -> list[Found]:
        """Take in volumes, and return what can be read now: whole arrays and logical volumes."""
        raid = [found for found in fresh if found.volume.content == "linux_raid_member"]
        arrays = self._arrays(raid) if raid else []
        before = len(self._members)
        for found in fresh:
            if found.volume.content == "LVM2_member":
                self._take_member(found)
        return arrays + (self._logical() if len(self._members) > before else [])

    def add_incomplete(self) -> list[Found]:
        """Return the arrays that start although members are missing; called when nothing else is found."""
        if not self._raid:
            return []
        from imgtools.volumes.md import group_members

        return self._start(list(group_members(self._raid).values()))

    def _arrays(self, fresh: Sequence[Found]) -> list[Found]:
        from imgtools.volumes.md import (
            group_members,
            is_whole,
            read_member_disk,
        )  # late: most disks have none

        for found in fresh:
            device = found.volume.device
            try:
                member = read_member_disk(found.file, device)
            except BadImage as error:
                self._unread.append(Declined(device, error.message))
                continue
            if member is None or member.said.damaged:
                self._unread.append(Declined(device, member.said.problem if member else NO_SUPERBLOCK))
            else:
                self._raid.append(member)
        return self._start([one for one in group_members(self._raid).values() if is_whole(one)])

    def _start(self, groups: Iterable[Sequence[MemberDisk]]) -> list[Found]:
        from imgtools.volumes.md import array_device, by_first_member, put_together

        fresh = []
        for members in by_first_member(groups):
            uuid = members[0].said.uuid
            if uuid in self._tried:
                continue
            self._tried.add(uuid)
            array = put_together(members, array_device(self._count))
            if isinstance(array.content, Declined):
                self._count += not array.content.damaged
                self._unread.append(array.content)
            else:
                self._count += 1
                said = members[0].said
                self.arrays.append(Array(array.content.name, uuid, said.name, array.parents))
                fresh += _on_array(array.content, array.parents, said.name)
        return fresh

    def _take_member(self, found: Found) -> None:
        from imgtools.volumes.lvm import read_member  # late: most disks have no LVM

        device = found.volume.device
        try:
            member = read_member(found.file, device)
        except BadImage as error:
            self._unread.append(Declined(device, error.message))
            return
        if member is None:
            self._unread.append(Declined(device, "its LVM label is damaged"))
        else:
            self._members.append(member)

    def _logical(self) -> list[Found]:
        """Logical volumes that can be read and were not met before."""
        from imgtools.volumes.lvm import assemble

        self.groups = assemble(self._members)
        fresh = []
        for mapped in self.groups.volumes:
            device = mapped.volume.device
            if not isinstance(mapped.content, DiskFile) or device in self._known:
                continue
            self._known.add(device)
            volume = Volume(device, Holder.LV, mapped.content.size, parents=mapped.parents)
            fresh.append(Found(volume, mapped.content))
        return fresh


def _on_array(file: DiskFile, parents: tuple[str, ...], name: str) -> list[Found]:
    """The partitions of an array; the whole of it, if it has none."""
    table = read_disk(file, file.name)
    if not table.partitions:
        whole = Volume(file.name, Holder.MD, file.size, parents=parents, array_name=array_name(name))
        return [Found(whole, file)]
    return [
        Found(
            Volume(
                partition.device,
                Holder.PARTITION,
                partition.size,
                parents=(file.name,),
                array_name=array_name(name, partition.number),
            ),
            file.part(partition.start, partition.size, partition.device),
        )
        for partition in table.partitions
        if partition.kind != "extended"
    ]
