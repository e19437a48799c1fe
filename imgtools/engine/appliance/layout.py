"""From what the appliance sees to a :class:`Layout`, in the same words as the direct engine's.

Disks and partitions are read by the direct engine's own code over the same servers: one reader of partition
tables for both. The appliance adds what takes a kernel: LVM, md, opened encryption, btrfs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from imgtools.engine.appliance.names import DeviceNames
from imgtools.engine.appliance.survey import BlockDevice, LvmLv, LvmVg, Survey
from imgtools.engine.direct.probe import Content
from imgtools.engine.direct.session import partition_volume
from imgtools.engine.subvolumes import subvolume_of
from imgtools.records.disks import MORE_DISKS, Array, Declined, Disk, Holder, Layout, Volume
from imgtools.records.lvm import LogicalVolume, PhysicalVolume, VolumeGroup
from imgtools.volumes.lvm_map import NO_WORD_OF_IT
from imgtools.volumes.names import array_name, device_order

MOST_NESTED = 16  # device-mapper devices on device-mapper devices


def build_layout(
    survey: Survey,
    disks: Sequence[Disk],
    names: DeviceNames,
    why_apart: Callable[[str], Declined | None] = lambda _uuid: None,
) -> Layout:
    """Put disks and what the appliance sees on them together.

    :param why_apart: tells why the array with a UUID, as blkid has it, was not started; None if it is not known.
    """
    return _Builder(survey, disks, names, why_apart).build()


class _Builder:
    """One layout while it is put together."""

    def __init__(
        self,
        survey: Survey,
        disks: Sequence[Disk],
        names: DeviceNames,
        why_apart: Callable[[str], Declined | None],
    ) -> None:
        self._survey = survey
        self._why_apart = why_apart
        self._apart: list[tuple[Volume, BlockDevice]] = []
        self._names = names
        self._by_name = {one.name: one for one in survey.devices}
        self._by_device = {device: one for one in survey.devices if (device := names.device(one.name))}
        self._disks = [self._without_empty_table(disk) for disk in disks]
        self._unread: list[Declined] = []

    def build(self) -> Layout:
        volumes = [*self._on_disks(), *self._arrays(), *self._mapped()]
        # Volume groups and their members in the order of the disks, as the direct engine meets them.
        place = {volume.device: number for number, volume in enumerate(volumes)}
        pvs = sorted(self._pvs(), key=lambda pv: (place.get(pv.device, len(place)), pv.device))
        first = {pv.vg: number for number, pv in reversed(list(enumerate(pvs)))}
        vgs = sorted((vg for vg in self._survey.vgs if vg.name), key=lambda vg: first.get(vg.name, len(pvs)))
        volumes += self._logical(vgs)
        return Layout(
            disks=tuple(self._disks),
            pvs=tuple(pvs),
            vgs=tuple(VolumeGroup(vg.name, vg.uuid, vg.size, vg.free, vg.extent_size) for vg in vgs),
            lvs=tuple(logical_volume(vg, lv) for vg in vgs for lv in vg.lvs if is_visible(lv)),
            volumes=(*volumes, *self._subvolumes(volumes)),
            arrays=tuple(self._assembled()),
            unread=(*self._unread, *self._not_started()),
        )

    # -- disks ---------------------------------------------------------------------------------------------

    def _without_empty_table(self, disk: Disk) -> Disk:
        """A boot sector without partitions is no table if the disk holds something itself."""
        seen = self._by_device.get(disk.device)
        if disk.table and not disk.partitions and seen is not None and seen.content.type:
            return replace(disk, table="", table_id="")
        return disk

    def _on_disks(self) -> Iterator[Volume]:
        """Yield the partitions of every disk; the whole disk, if it has none."""
        for disk in self._disks:
            if not disk.partitions:
                if not disk.table:
                    yield self._looked_into(
                        Volume(disk.device, Holder.DISK, disk.size, sector_size=disk.sector_size)
                    )
                continue
            for partition in disk.partitions:
                volume = partition_volume(disk, partition)
                yield volume if partition.kind == "extended" else self._looked_into(volume)

    def _looked_into(self, volume: Volume) -> Volume:
        seen = self._by_device.get(volume.device)
        if seen is None:
            self._unread.append(Declined(volume.device, "the kernel of the appliance does not see it"))
            return volume
        if seen.content.problem:
            self._unread.append(Declined(volume.device, seen.content.problem))
        if seen.content.type == "linux_raid_member" and not self._is_held(seen):
            self._apart.append((volume, seen))
        return with_content(volume, seen.content)

    def _is_held(self, device: BlockDevice) -> bool:
        return any(device.name in other.slaves for other in self._survey.devices)

    def _not_started(self) -> Iterator[Declined]:
        """Yield the arrays that the kernel did not start, once each: a member alone is behind the others."""
        held = {
            one.content.uuid
            for one in self._survey.devices
            if one.content.type == "linux_raid_member" and self._is_held(one)
        }
        for volume, seen in self._apart:
            if seen.content.uuid not in held or not seen.content.uuid:
                held.add(seen.content.uuid)
                why = self._why_apart(seen.content.uuid)
                yield why or Declined(volume.device, "its md array could not be assembled")

    # -- what lies on them ---------------------------------------------------------------------------------

    def _assembled(self) -> Iterator[Array]:
        """Yield the arrays that run, in the order of their numbers."""
        for one in self._names.in_order(one for one in self._survey.devices if one.md_level and one.size):
            members = [self._by_name[name].content for name in one.slaves if name in self._by_name]
            said = next(iter(members), Content())
            uuid = said.uuid.replace("-", "").lower()
            yield Array(self._device(one), uuid, said.label, self._parents(one))

    def _arrays(self) -> Iterator[Volume]:
        """Yield md arrays, or their partitions."""
        arrays = {one.name for one in self._survey.devices if one.md_level}
        names = {array.device: array.name for array in self._assembled()}
        for one in self._survey.devices:
            parts = [
                other
                for other in self._survey.devices
                if one.name in arrays and other.is_partition and other.name.startswith(f"{one.name}p")
            ]
            if one.name in arrays and one.size and not parts:
                said = array_name(names.get(self._device(one), ""))
                yield self._looked_into(
                    Volume(
                        self._device(one), Holder.MD, one.size, parents=self._parents(one), array_name=said
                    )
                )
            for part in parts:
                parent = (self._device(one),)
                number = part.name.removeprefix(f"{one.name}p")
                said = array_name(names.get(parent[0], ""), int(number) if number.isdigit() else None)
                yield self._looked_into(
                    Volume(self._device(part), Holder.PARTITION, part.size, parents=parent, array_name=said)
                )

    def _device(self, one: BlockDevice) -> str:
        return self._names.device(one.name) or f"/dev/{one.name}"

    def _mapped(self) -> Iterator[Volume]:
        """Yield opened encryption, and Windows' dynamic disks, which libguestfs maps at its start (ldmtool)."""
        for one in self._survey.devices:
            kind = one.dm_uuid.partition("-")[0]
            if kind in ("CRYPT", "LDM"):
                holder = Holder.CRYPT if kind == "CRYPT" else Holder.LV
                device = f"/dev/mapper/{one.dm_name}"
                volume = Volume(device, holder, one.size, parents=self._parents(one))
                yield with_content(volume, one.content)

    def _parents(self, device: BlockDevice) -> tuple[str, ...]:
        """The devices below one, through hidden parts of LVM, in our names and the order of the disks."""
        return tuple(sorted(dict.fromkeys(self._below(device, 0)), key=device_order))

    def _below(self, device: BlockDevice, depth: int) -> Iterator[str]:
        for name in device.slaves if depth < MOST_NESTED else ():
            slave = self._by_name.get(name)
            if slave is not None and slave.dm_uuid.startswith("LVM-"):
                yield from self._below(slave, depth + 1)
            elif slave is not None and slave.dm_uuid:
                yield f"/dev/mapper/{slave.dm_name}"
            elif device_name := self._names.device(name):
                yield device_name

    def _subvolumes(self, volumes: Sequence[Volume]) -> Iterator[Volume]:
        """Yield the subvolumes of btrfs, of several devices under the first."""
        for volume in volumes:
            seen = self._seen(volume)
            if seen is None or volume.content != "btrfs":
                continue
            if seen.refused:
                self._unread.append(Declined(volume.device, seen.refused))
            for _, path in seen.subvolumes:
                yield subvolume_of(volume, path)

    def _seen(self, volume: Volume) -> BlockDevice | None:
        return kernel_device(self._survey, volume.device) or self._by_device.get(volume.device)

    # -- LVM -----------------------------------------------------------------------------------------------

    def _pvs(self) -> Iterator[PhysicalVolume]:
        for vg in self._survey.vgs:
            for device, uuid, size in vg.pvs:
                if uuid and device.startswith("/dev/"):  # a member that is missing has no device
                    yield PhysicalVolume(self._our_name(device), uuid, size, vg.name)

    def _our_name(self, path: str) -> str:
        """Our name for a device that LVM names."""
        return self._names.device(path.removeprefix("/dev/")) or path

    def _logical(self, vgs: Sequence[LvmVg]) -> Iterator[Volume]:
        """Yield the logical volumes that are active; thin pools hold nothing that can be read."""
        for vg in vgs:
            for lv in vg.lvs:
                record = logical_volume(vg, lv)
                if not is_visible(lv) or record.kind in NO_WORD_OF_IT:
                    continue
                seen = kernel_device(self._survey, record.device)
                if seen is None:
                    self._unread.append(_inactive(vg, record.device))
                    continue
                parents = self._stretches(lv) or self._parents(seen)
                volume = Volume(record.device, Holder.LV, seen.size, parents=parents)
                yield with_content(volume, seen.content)

    def _stretches(self, lv: LvmLv) -> tuple[str, ...]:
        """The physical volumes of a logical one in the order of its stretches; nothing if it lies on hidden parts."""
        # As lvs has them: /dev/sda2(0),/dev/sdb(12)
        places = [place for _, devices in lv.segments for place in devices.split(",")]
        paths = [place.rpartition("(")[0] for place in places]
        if not all(path.startswith("/dev/") for path in paths):
            return ()
        return tuple(dict.fromkeys(self._our_name(path) for path in paths))


def _inactive(vg: LvmVg, device: str) -> Declined:
    """Why a logical volume is not there: LVM gives a member that is missing no device."""
    missing = next((uuid for member, uuid, _ in vg.pvs if not member.startswith("/dev/")), None)
    if missing is None:
        return Declined(device, "LVM could not activate it in the appliance")
    reason = f"the physical volume {missing} of the volume group {vg.name} is missing"
    return Declined(device, reason, damaged=True, hint=MORE_DISKS)


def with_content(volume: Volume, content: Content) -> Volume:
    """Return a volume with what blkid found on it."""
    return replace(
        volume,
        content=content.type,
        label=content.label,
        uuid=content.uuid,
        version=content.version,
    )


def kernel_device(survey: Survey, device: str) -> BlockDevice | None:
    """Return the device-mapper device that one of our names means: ``/dev/VG/LV`` or ``/dev/mapper/NAME``."""
    for vg in survey.vgs:
        for lv in vg.lvs:
            if device == f"/dev/{vg.name}/{lv.name}":
                # The kernel's name of a logical volume is both UUIDs without dashes (lib/activate/dev_manager.c).
                wanted = f"LVM-{vg.uuid}{lv.uuid}".replace("-", "")
                return next((one for one in survey.devices if one.dm_uuid.replace("-", "") == wanted), None)
    name = device.removeprefix("/dev/mapper/")
    if name == device:
        return None
    return next((one for one in survey.devices if one.dm_name == name), None)


def is_visible(lv: LvmLv) -> bool:
    """Whether people see this logical volume; parts of others have their name in brackets."""
    return not lv.name.startswith("[")


def logical_volume(vg: LvmVg, lv: LvmLv) -> LogicalVolume:
    """Return the record of a logical volume."""
    return LogicalVolume(f"/dev/{vg.name}/{lv.name}", lv.name, vg.name, lv.uuid, lv.size, kind_of(lv))


def kind_of(lv: LvmLv) -> str:
    """What a logical volume is: its segments' type, or what it is to another volume."""
    if "thicksnapshot" in lv.role.split(","):
        return "snapshot"
    if lv.attr.startswith("O"):  # lvs(8): an origin that a snapshot is being merged into
        return "snapshot-merge"
    kinds = [kind for kind, _ in lv.segments]
    return next((kind for kind in kinds if kind != "linear"), "linear" if kinds else "empty")
