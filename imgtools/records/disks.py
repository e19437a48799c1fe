"""What the disks of a guest hold: partitions, volumes, and how full they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from imgtools.records.lvm import LogicalVolume, PhysicalVolume, VolumeGroup


# What to do where a part of something may lie on a disk that was not given.
MORE_DISKS = "if the guest has more disks, give them all: --add DISK"


@dataclass(frozen=True, slots=True)
class Declined:
    """Why an engine does not serve something. A value, not an error: another engine may serve it.

    ``damaged``: no engine will, because it is broken, or a part of it is not there.
    """

    what: str  # a device, a path or a feature
    reason: str
    damaged: bool = False
    hint: str = ""  # what to do about it


@dataclass(frozen=True, slots=True)
class Partition:
    """One entry of a partition table."""

    device: str  # /dev/sda1
    number: int
    start: int
    size: int
    type: str  # GPT: the type's GUID, upper case; MBR: "0x83"
    kind: str = "primary"  # primary, extended, logical
    name: str = ""  # GPT only
    id: str = ""  # GPT: the partition's GUID, upper case; MBR: "<disk id>-<number>" as PARTUUID has it
    flags: tuple[
        str, ...
    ] = ()  # "boot" (MBR active), "required", "no-block-io", "legacy-boot", "guid:48" ...

    @property
    def aligned(self) -> bool:
        """Whether the partition starts on a multiple of 64 KiB, which virt-alignment-scan calls good."""
        return self.start % 65536 == 0


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk as the guest sees it."""

    device: str  # /dev/sda
    size: int
    sector_size: int = 512
    table: str = ""  # "gpt", "dos" or "": none
    table_id: str = ""
    partitions: tuple[Partition, ...] = ()
    problems: tuple[str, ...] = ()  # e.g. "backup GPT is not at the end of the disk"
    foreign_table: str = ""  # a table that is not read, in blkid's word: sun, bsd, dasd, mac, sgi ...


class Holder(StrEnum):
    """What kind of thing a volume sits on."""

    DISK = "disk"
    PARTITION = "partition"
    LV = "lv"
    MD = "md"
    CRYPT = "crypt"
    SUBVOLUME = "subvolume"


@dataclass(frozen=True, slots=True)
class Volume:
    """Whatever holds a filesystem or could: a disk, partition, LV, md array, opened LUKS, btrfs subvolume.

    ``content`` is what blkid and libguestfs call it: ``ext4``, ``xfs``, ``btrfs``, ``ntfs``, ``vfat``,
    ``iso9660``, ``swap``, ``LVM2_member``, ``crypto_LUKS``, ``BitLocker``, ``linux_raid_member``, or ``""``.
    """

    device: str  # /dev/sda1, /dev/VG/LV, /dev/md127, /dev/mapper/luks-UUID, btrfsvol:/dev/sda2/root
    holder: Holder
    size: int
    content: str = ""
    label: str = ""
    uuid: str = ""
    version: str = ""
    parents: tuple[str, ...] = ()  # devices it is made of: LV -> PVs, crypt -> the LUKS partition
    part_uuid: str = ""
    part_label: str = ""
    sector_size: int = 512
    array_name: str = ""  # of an array, or a partition of one: what mdadm calls it below /dev/md: data, data1
    # A subvolume that is mounted if none is named, as far as the direct engine has read it.
    is_default: bool = field(default=False, compare=False)

    @property
    def mountable(self) -> bool:
        """Whether the content is a filesystem with files in it."""
        return bool(self.content) and self.content not in NOT_MOUNTABLE


@dataclass(frozen=True, slots=True)
class Array:
    """An array of Linux' software RAID that was put together; its partitions are volumes where it has some."""

    device: str  # /dev/md127
    uuid: str  # hexadecimal digits
    name: str  # "host:name"; empty in version 0.90
    parents: tuple[str, ...]


ENCRYPTED = frozenset({"crypto_LUKS", "BitLocker"})
NOT_MOUNTABLE = ENCRYPTED | frozenset(
    {"swap", "swsuspend", "LVM2_member", "LVM1_member", "linux_raid_member"}
    | {"zfs_member", "isw_raid_member", "ddf_raid_member", "bcache", "drbd", "VMFS_volume_member"}
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything that the disks of one image hold, from partition tables down to filesystems."""

    disks: tuple[Disk, ...]
    pvs: tuple[PhysicalVolume, ...] = ()
    vgs: tuple[VolumeGroup, ...] = ()
    lvs: tuple[LogicalVolume, ...] = ()
    volumes: tuple[Volume, ...] = ()
    arrays: tuple[Array, ...] = ()
    unread: tuple[Declined, ...] = ()  # what this engine could not look into

    @property
    def is_complete(self) -> bool:
        """Whether no other engine could look into more."""
        return all(one.damaged for one in self.unread)

    @property
    def locked(self) -> tuple[Volume, ...]:
        """The encrypted volumes that no key has opened."""
        opened = {up for one in self.volumes if one.holder is Holder.CRYPT for up in one.parents}
        return tuple(one for one in self.volumes if one.content in ENCRYPTED and one.device not in opened)

    @property
    def unopened(self) -> tuple[Declined, ...]:
        """What could not be looked into, and why: what this engine does not read, and what is locked."""
        told = {one.what for one in self.unread}
        locked = (one for one in self.locked if one.device not in told)
        return (
            *(Declined(one.device, f"{one.content}, and no key was given for it") for one in locked),
            *self.unread,
        )


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume and where the guest mounts it."""

    path: str
    volume: Volume
    options: str = ""  # as in fstab; only "subvol=" and "subvolid=" matter to a reader
    # The directory of the volume that is mounted, where that is not its root: an OSTree deployment.
    inner: str = ""


class DeviceBytes(Protocol):
    """The bytes of a disk or volume, read only."""

    name: str  # the device
    size: int

    def read_at(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset``; fewer only at the end."""
