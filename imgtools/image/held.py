"""What a disk, partition or volume holds: it is lost only where somebody has named it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgtools.errors import UsageError, WouldLoseData
from imgtools.image.handle import Image
from imgtools.records.disks import Declined, Disk, Layout, Partition, Volume
from imgtools.records.steps import DiskStep
from imgtools.units import format_size
from imgtools.volumes.gpt import partition_device
from imgtools.volumes.names import is_called, is_named, own_device

__all__ = [
    "Held",
    "find_device",
    "held_by",
    "losses",
    "partition_device",
    "partitions_called",
    "require_named",
    "size_of",
    "volume_of",
]

GPT, MBR = "gpt", "mbr"
MEMBERS = ("LVM2_member", "linux_raid_member")
UNKNOWN = "unknown"
LOOKED_AT = 1 << 20  # bytes at either end


@dataclass(frozen=True, slots=True)
class Held:
    """What a device holds, in words, and the words by any of which somebody may name it."""

    device: str
    text: str
    words: tuple[str, ...]


def find_device(layout: Layout, name: str) -> str:
    """Return the device that a person means: a disk, a partition, or whatever else can hold something.

    :raises UsageError: there is none of that name, or several.
    """
    found = {disk.device for disk in layout.disks if own_device(name) == disk.device}
    found |= {one.device for disk in layout.disks for one in disk.partitions if is_named(one, name)}
    found |= {one.device for one in layout.volumes if is_called(one, name)}
    found |= {one.device for one in layout.lvs if one.device == name}
    if len(found) == 1:
        return found.pop()
    known = ", ".join(_known(layout)) or "none"
    if not found:
        raise UsageError(f"there is no disk, partition or volume {name}", hint=f"the image has: {known}")
    raise UsageError(f"{name} may be {' or '.join(sorted(found))}", hint="say it by its device")


def partitions_called(disk: Disk, name: str) -> tuple[Partition, ...]:
    """Return the partitions that a person may mean by a number, a device on any bus, a GUID or a name."""
    return tuple(one for one in disk.partitions if is_named(one, name) or name == str(one.number))


def _known(layout: Layout) -> tuple[str, ...]:
    disks = [disk.device for disk in layout.disks]
    parts = [one.device for disk in layout.disks for one in disk.partitions]
    rest = [*(one.device for one in layout.lvs), *(one.device for one in layout.arrays)]
    return tuple(dict.fromkeys([*disks, *parts, *rest]))


def size_of(layout: Layout, device: str) -> int:
    """Return the bytes of a disk, partition or volume."""
    disks = [disk.size for disk in layout.disks if disk.device == device]
    parts = [one.size for disk in layout.disks for one in disk.partitions if one.device == device]
    volumes = [one.size for one in layout.volumes if one.device == device]
    return (*disks, *parts, *volumes, *(one.size for one in layout.lvs if one.device == device), 0)[0]


def volume_of(layout: Layout, device: str) -> Volume | None:
    """The volume that is a device, where it is one."""
    return next((one for one in layout.volumes if one.device == device), None)


def held_by(layout: Layout, device: str, image: Image) -> tuple[Held, ...]:
    """Return what would be lost with a device; nothing, if it is blank where anything is known by."""
    disk = next((one for one in layout.disks if one.device == device), None)
    if disk is not None and disk.table:
        return (_table(layout, disk),)
    if disk is not None and disk.foreign_table:
        text = f"a partition table of the kind {disk.foreign_table}"
        return (Held(device, text, (disk.foreign_table,)),)
    if any(
        one.device == device and one.kind == "extended" for disk in layout.disks for one in disk.partitions
    ):
        return ()  # the logical ones in it hold something
    volume = volume_of(layout, device)
    if volume is not None and volume.content:
        return (_member(layout, volume) if volume.content in MEMBERS else _content(layout, volume, image),)
    blank = _is_blank(image, device)
    return () if blank else (Held(device, "something unknown, and is not blank", (UNKNOWN,)),)


def _is_blank(image: Image, device: str) -> bool:
    """Whether there is nothing where everything that is known is known by: the beginning and the end."""
    file = image.try_bytes(device)
    if file is None:
        return False
    ends = (0, max(0, file.size - LOOKED_AT))
    return not any(any(file.read_at(at, LOOKED_AT)) for at in ends)


def _table(layout: Layout, disk: Disk) -> Held:
    word = GPT if disk.table == "gpt" else MBR
    parts = [
        f"{one.device} ({_short(layout, one.device)})" for one in disk.partitions if one.kind != "extended"
    ]
    what = f"with {', '.join(parts)}" if parts else "without partitions"
    return Held(disk.device, f"{'a GPT' if word == GPT else 'an MBR'} {what}", (word,))


def _short(layout: Layout, device: str) -> str:
    volume = volume_of(layout, device)
    return (volume.content if volume is not None else "") or "nothing known"


def _member(layout: Layout, volume: Volume) -> Held:
    """A part of a group or an array: who loses it loses what is on all of them."""
    if volume.content == "LVM2_member":
        group = next((one.vg for one in layout.pvs if one.device == volume.device), "")
        if not group:
            return Held(volume.device, "an LVM physical volume of no group", (volume.content, volume.uuid))
        names = ", ".join(lv.name for lv in layout.lvs if lv.vg == group) or "no logical volume"
        return Held(volume.device, f"a physical volume of the group {group} ({names})", (group,))
    array = next((one for one in layout.arrays if volume.device in one.parents), None)
    if array is None:
        return Held(volume.device, "a part of a RAID array", (volume.content, volume.uuid))
    return Held(
        volume.device, f"a part of the RAID array {array.device} {array.name}", (array.device, array.name)
    )


def _content(layout: Layout, volume: Volume, image: Image) -> Held:
    text = volume.content + (f" “{volume.label}”" if volume.label else "")
    usage = image.try_usage(volume) if volume.mountable else None
    if usage is not None and not isinstance(usage, Declined):
        text += f", {format_size(usage.used)} used"
    opened = [one.device for one in layout.volumes if volume.device in one.parents]
    text += f", with {', '.join(opened)} in it" if opened else ""
    words = (volume.content, volume.label, volume.uuid)
    return Held(volume.device, text, tuple(word for word in words if word))


def require_named(held: Sequence[Held], named: Sequence[str], *, action: str) -> None:
    """Make sure that everything that would be lost has been named.

    :param action: what would be done, for the message.
    :raises WouldLoseData: something has not been named.
    :raises UsageError: something was named that is not there: whoever did so means another device.
    """
    said = {word.casefold() for word in named}
    for one in held:
        if not said & {word.casefold() for word in one.words}:
            raise WouldLoseData(
                f"{one.device} holds {one.text}: {action} would destroy it",
                hint=f"--holds {one.words[0]}, if that is meant",
            )
    there = {word.casefold() for one in held for word in one.words}
    for word in named:
        if word.casefold() not in there:
            found = "; ".join(f"{one.device} holds {one.text}" for one in held) or "nothing known is there"
            raise UsageError(f"nothing there is {word!r}", hint=found)


def losses(held: Sequence[Held]) -> tuple[DiskStep, ...]:
    """Say what is lost, before all that is done."""
    return tuple(
        DiskStep("lose-content", f"what {one.device} holds is lost: {one.text}", one.device, one.words[0])
        for one in held
    )
