"""A device of a boot configuration: the partition that it names, wherever that stands in its bytes.

The layout, in little-endian: 16 bytes with the id of an object that holds its options, then a descriptor::

    +0  type: 0 a local device, 2 a partition by its number, 5 the one that was booted from, 6 a partition,
        8 to be located
    +4  flags    +8  size of the descriptor, itself included    +12 nothing
    +16 of a partition: its GUID (GPT), or the byte that it begins at (MBR), in 16 bytes
    +32 the disk that it is on, as a local device

A local device: +0 its type: 0 a hard disk, 3 a ramdisk, 5 a file, 6 a virtual disk; of a hard disk +4 the kind of its
table: 0 GPT, 1 MBR, 2 none, and +8 the disk's GUID in 16 bytes or signature in 4. A file +4, a ramdisk +24: version 1,
length, kind 5 of a path, in which is the descriptor of the device that the file is on, and behind that its name.

Sources: ReactOS, boot/environ/include/bl.h (BL_DEVICE_DESCRIPTOR, BL_LOCAL_DEVICE, BL_HARDDISK_DEVICE,
BL_RAM_DISK_DEVICE, BL_FILE_PATH_DESCRIPTOR); "BCD Elements" (geoffchappell.com).
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass, replace

from imgtools.engine.regvalue import decode_utf16
from imgtools.records.disks import Disk, Layout, Partition, Volume

OPTIONS = 16  # bytes before the descriptor
HEAD = 16  # of a descriptor
SIZE = 0x48  # of the descriptor of a partition
LOCAL, BY_NUMBER, BOOT, PARTITION, LOCATE = 0, 2, 5, 6, 8
HARD_DISK, RAM_DISK, FILE, VIRTUAL_DISK = 0, 3, 5, 6
GPT, MBR, RAW = 0, 1, 2
IN_BOOT_ENVIRONMENT = 5  # a path whose first part is a descriptor
# From the start of a descriptor to the path in it: behind the type of the local device, of a ramdisk also behind its
# base (8), size (8) and offset (4).
PATHS = {FILE: HEAD + 4, RAM_DISK: HEAD + 24}
PATH_HEAD = 12
DEEPEST = 4  # a ramdisk of a file on a partition is two
NAMES = {
    RAM_DISK: "ramdisk",
    FILE: "file",
    VIRTUAL_DISK: "virtual disk",
    1: "floppy",
    2: "cdrom",
    HARD_DISK: "disk",
}


@dataclass(frozen=True, slots=True)
class BootDevice:
    """What a device of a boot configuration names.

    ``kind``: partition; boot (the one that was booted from), locate (whichever has the file); ramdisk, file (``path``
    on the partition); virtual disk, disk and others, which name no partition of a disk. A partition is named by
    ``disk_id`` and either ``partition_id`` or ``start``, in the words of :class:`imgtools.records.disks.Disk`: GUIDs in
    upper case, a signature as 8 hexadecimal digits.
    """

    kind: str
    table: str = ""  # gpt, dos; "": it names no partition
    disk_id: str = ""
    partition_id: str = ""  # GPT
    start: int = 0  # MBR: the byte that the partition begins at
    path: str = ""
    at: int = -1  # where in the bytes the partition stands

    @property
    def names_partition(self) -> bool:
        """Whether a partition is named, by the device itself or by the file that it is in."""
        return bool(self.table)

    @property
    def words(self) -> str:
        """The device in words: a partition by the name that it has on its disk."""
        if not self.table:
            return self.kind
        place = self.partition_id if self.table == "gpt" else f"{self.disk_id} at byte {self.start}"
        return f"[partition {place}]{self.path}" if self.path else f"partition {place}"

    def is_same_place(self, other: BootDevice) -> bool:
        """Whether both name the same partition."""
        return (self.table, self.disk_id, self.partition_id, self.start) == (
            other.table, other.disk_id, other.partition_id, other.start,
        )  # fmt: skip


def parse_device(data: bytes) -> BootDevice | None:
    """Return what a device names; None if its bytes are cut short."""
    return _descriptor(data, OPTIONS, DEEPEST)


def _descriptor(data: bytes, at: int, depth: int) -> BootDevice | None:
    if len(data) < at + HEAD or depth == 0:
        return None
    (kind,) = struct.unpack_from("<I", data, at)
    if kind == BOOT:
        return BootDevice("boot")
    if kind == LOCATE:
        return BootDevice("locate")
    if kind == PARTITION:
        return _partition(data, at + HEAD)
    if kind == LOCAL and len(data) >= at + HEAD + 4:
        return _local(data, at, depth)
    return BootDevice("partition by number" if kind == BY_NUMBER else f"type {kind}")


def _partition(data: bytes, at: int) -> BootDevice | None:
    if len(data) < at + 40:
        return None
    disk, table = struct.unpack_from("<II", data, at + 16)
    if disk != HARD_DISK:
        return BootDevice(NAMES.get(disk, f"local {disk}"))
    if table == GPT:
        identity, disk_id = (_guid(data[one : one + 16]) for one in (at, at + 24))
        return BootDevice("partition", "gpt", disk_id, identity, at=at)
    if table == MBR:
        start, signature = struct.unpack_from("<Q", data, at)[0], struct.unpack_from("<I", data, at + 24)[0]
        return BootDevice("partition", "dos", f"{signature:08x}", start=start, at=at)
    return BootDevice("disk")


def _local(data: bytes, at: int, depth: int) -> BootDevice | None:
    (kind,) = struct.unpack_from("<I", data, at + HEAD)
    name = NAMES.get(kind, f"local {kind}")
    if kind not in PATHS:
        return BootDevice(name)
    path = at + PATHS[kind]
    if len(data) < path + PATH_HEAD:
        return None
    _version, _length, form = struct.unpack_from("<III", data, path)
    inner = _descriptor(data, path + PATH_HEAD, depth - 1) if form == IN_BOOT_ENVIRONMENT else None
    if inner is None:
        return BootDevice(name)
    (size,) = struct.unpack_from("<I", data, path + PATH_HEAD + 8)
    words = decode_utf16(data[path + PATH_HEAD + size :]).partition("\0")[0]
    return replace(inner, kind=name, path=words)


def _guid(data: bytes) -> str:
    return str(uuid.UUID(bytes_le=data.ljust(16, b"\0"))).upper()


# -- writing ---------------------------------------------------------------------------------------------------


def partition_bytes(place: BootDevice) -> bytes:
    """Return the element of a device that is a partition."""
    head = struct.pack("<16xIIII", PARTITION, 0, SIZE, 0)
    return (head + _place_bytes(place)).ljust(OPTIONS + SIZE, b"\0")


def at_place(data: bytes, device: BootDevice, place: BootDevice) -> bytes:
    """Return the bytes of a device in which another partition stands; the rest (options, the file on it) stays."""
    new = _place_bytes(place)
    return data[: device.at] + new + data[device.at + len(new) :]


def _place_bytes(place: BootDevice) -> bytes:
    """The partition and its disk, as they stand behind the head of a descriptor: 40 bytes."""
    if place.table == "gpt":
        identity, disk = uuid.UUID(place.partition_id).bytes_le, uuid.UUID(place.disk_id).bytes_le
        return identity + struct.pack("<II", HARD_DISK, GPT) + disk
    disk = struct.pack("<I12x", int(place.disk_id, 16))
    return struct.pack("<Q8x", place.start) + struct.pack("<II", HARD_DISK, MBR) + disk


# -- the disks of the image ------------------------------------------------------------------------------------


def place_of(volume: Volume, layout: Layout) -> BootDevice | None:
    """Return how a boot configuration names the partition that a volume is in; None if it is in none."""
    disk = disk_of(volume, layout)
    places = (partition_place(disk, one) for one in disk.partitions if _holds(one, volume)) if disk else ()
    return next(iter(places), None)


def disk_of(volume: Volume, layout: Layout) -> Disk | None:
    """Return the disk with the partition that a volume is in, also behind BitLocker; None if it is in none."""
    return next((disk for disk in layout.disks if any(_holds(one, volume) for one in disk.partitions)), None)


def _holds(one: Partition, volume: Volume) -> bool:
    return one.device in (volume.device, *volume.parents)


def partition_place(disk: Disk, one: Partition) -> BootDevice | None:
    """Return how a boot configuration names a partition; None if its disk has no table, or an MBR without signature."""
    if disk.table == "gpt":
        return BootDevice("partition", "gpt", disk.table_id.upper(), one.id.upper())
    signature = int(disk.table_id or "0", 16) if disk.table == "dos" else 0
    return BootDevice("partition", "dos", f"{signature:08x}", start=one.start) if signature else None


def find_partition(device: BootDevice, layout: Layout) -> Partition | None:
    """Return the partition of the image that a device names; None if there is none."""
    for disk in layout.disks:
        for one in disk.partitions:
            place = partition_place(disk, one)
            if place is not None and place.is_same_place(device):
                return one
    return None
