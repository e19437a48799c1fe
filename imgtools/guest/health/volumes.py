"""What the volumes of a machine say of themselves, and which of them its guest cannot start without."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.errors import BadImage, EngineFailed, ToolMissing
from imgtools.filesystems.state import Said, Trouble, btrfs_devices, filesystem_state, lost_superblock
from imgtools.guest.find.devices import Devices, read_names
from imgtools.guest.find.fstab import read_fstab
from imgtools.guest.guest import Guest
from imgtools.records.disks import Declined, DeviceBytes, Holder, Layout, Volume
from imgtools.volumes.md_superblock import Member, read_md_member, survives
from imgtools.volumes.volume_file import DiskFile

__all__ = [
    "RaidState",
    "Said",
    "Trouble",
    "checked",
    "needed_devices",
    "raids",
    "said_of",
    "survives",
]

if TYPE_CHECKING:
    from imgtools.engine.direct.checkers import Checked

Bytes = Callable[[str], DeviceBytes | None]
NTFS_DIRTY = ("NTFS is marked dirty", "the NTFS log is not closed", "Windows is hibernated")


def needed_devices(guest: Guest | None, layout: Layout) -> frozenset[str]:
    """Return the devices without which the guest does not start: what its fstab needs, and what that lies on.

    All of them, where no guest is known.
    """
    if guest is None:
        return frozenset(one.device for one in layout.volumes)
    devices = Devices(layout, guest.root, read_names(guest.files))
    may_miss: set[str] = set()
    found = {guest.root.device}
    for entry in read_fstab(guest.files).entries:
        if entry.path == "/":
            devices.learn(entry.spec)
        volume = devices.find(entry.spec) if entry.on_a_device else None
        if volume is not None:
            (may_miss if entry.may_be_missing else found).add(volume.device)
    found |= {one.volume.device for one in guest.mounts if one.volume.device not in may_miss}
    return frozenset(_with_parents(found, layout.volumes))


def _with_parents(devices: set[str], volumes: Iterable[Volume]) -> Iterator[str]:
    parents = {one.device: one.parents for one in volumes}
    todo, seen = list(devices), set[str]()
    while todo:
        device = todo.pop()
        if device not in seen:
            seen.add(device)
            yield device
            todo += parents.get(device, ())


def _file_of(volume: Volume, open_bytes: Bytes) -> DiskFile | None:
    file = open_bytes(volume.device)
    return file if isinstance(file, DiskFile) else None


def said_of(volume: Volume, layout: Layout, open_bytes: Bytes) -> tuple[Said, ...] | Declined:
    """Return what the filesystem on a volume says of itself, or why it was not read."""
    if volume.holder is Holder.SUBVOLUME:
        return ()
    file = _file_of(volume, open_bytes)
    if file is None:
        return Declined(volume.device, "only the appliance puts it together")
    try:
        if not volume.content:
            at = lost_superblock(file) if volume.holder is not Holder.DISK else 0
            words = f"its first superblock is gone, and there is a copy at byte {at}"
            return (Said(Trouble.DAMAGED, words, 1024),) if at else ()
        said = filesystem_state(file, volume.content)
        if volume.content == "btrfs" and not said:
            said = _missing_devices(volume, layout, file)
    except BadImage as error:
        return Declined(volume.device, error.message)
    return said


def _missing_devices(volume: Volume, layout: Layout, file: DiskFile) -> tuple[Said, ...]:
    wanted = btrfs_devices(file)
    there = [one for one in layout.volumes if one.uuid == volume.uuid and one.holder is not Holder.SUBVOLUME]
    if wanted <= max(1, len(there)):
        return ()
    return (Said(Trouble.DEVICES, f"it is made of {wanted} devices, of which {len(there)} are there"),)


def said_by_reader(reason: str) -> tuple[Said, ...]:
    """Return what the reason of a reader that declined an NTFS says of it."""
    return (Said(Trouble.DIRTY, reason),) if reason.startswith(NTFS_DIRTY) else ()


def checked(volume: Volume, open_bytes: Bytes) -> Checked | Declined:
    """Have a volume looked through by its own checker, or say why it is not."""
    file = _file_of(volume, open_bytes)
    if file is None:
        return Declined(volume.device, "only the appliance puts it together")
    from imgtools.engine.direct.checkers import check_volume  # late: it brings what exports volumes

    try:
        return check_volume(file, volume.content)
    except (BadImage, EngineFailed, ToolMissing) as error:
        return Declined(volume.device, error.message)


@dataclass(frozen=True, slots=True)
class RaidState:
    """An array, and its members that are in the image and up to date."""

    uuid: str
    name: str
    level: int
    wanted: int
    members: tuple[str, ...]

    @property
    def starts(self) -> bool:
        """Whether it starts with what is there."""
        return survives(self.level, self.wanted, len(self.members))


def raids(layout: Layout, open_bytes: Bytes) -> tuple[RaidState, ...]:
    """Return the arrays of Linux' software RAID that the volumes are members of."""
    found: dict[str, list[tuple[str, Member]]] = {}
    for volume in layout.volumes:
        file = _file_of(volume, open_bytes) if volume.content == "linux_raid_member" else None
        member = read_md_member(file) if file is not None else None
        if member is not None and not member.damaged:
            found.setdefault(member.uuid, []).append((volume.device, member))
    return tuple(_raid(uuid, members) for uuid, members in found.items())


def _raid(uuid: str, members: list[tuple[str, Member]]) -> RaidState:
    newest = max(members, key=lambda one: one[1].events)[1]
    # A member that was left out of the array falls behind in its count of events.
    fresh = tuple(device for device, one in members if one.role >= 0 and one.events + 1 >= newest.events)
    return RaidState(uuid, newest.name, newest.level, newest.wanted, fresh)
