r"""Which drive letter of a Windows guest is which volume of the image.

``HKLM\SYSTEM\MountedDevices`` says for ``\DosDevices\C:`` either 12 bytes (the MBR's disk id and the byte at which
the partition starts) or ``DMIO:ID:`` and the GUID of a GPT partition. Source: MountMgr's persistent data as
libguestfs reads it (daemon/inspect_fs_windows.ml).
"""

from __future__ import annotations

import re
import struct
import uuid
from collections.abc import Iterable, Iterator

from imgtools.engine.regvalue import RegistryValue
from imgtools.records.disks import Disk, Layout, Mount, Volume

GPT_MARK = b"DMIO:ID:"
LETTER = re.compile(r"\\DosDevices\\([A-Z]):", re.IGNORECASE)
# Filesystems of other drives that are mounted beside the system's own; both engines read them.
MOUNTED = frozenset({"ntfs", "vfat"})


def find_drives(
    mounted: Iterable[RegistryValue], layout: Layout, system: tuple[str, Volume]
) -> tuple[tuple[str, str], ...]:
    """Return drive letters and devices, sorted by letter.

    :param mounted: the values of the key MountedDevices.
    :param system: the letter that the guest itself calls its system drive, and the volume that holds it. It wins
        over a mapping that leads elsewhere: a cloned disk has another id, and a sysprepped guest has no mapping.
    """
    drives: dict[str, str] = {}
    for value in mounted:
        match = LETTER.fullmatch(value.name)
        device = next(_devices(value.data, layout), None) if match else None
        if match and device is not None:
            drives[match[1].upper()] = device
    letter, volume = system
    taken = {other for other, device in drives.items() if device == volume.device}
    if letter and not taken:
        drives[letter] = volume.device
    return tuple(sorted(drives.items()))


def _devices(blob: bytes, layout: Layout) -> Iterator[str]:
    """Yield the partitions that a value of MountedDevices means: one, or none of this image."""
    if blob.startswith(GPT_MARK) and len(blob) >= len(GPT_MARK) + 16:
        guid = str(uuid.UUID(bytes_le=blob[len(GPT_MARK) : len(GPT_MARK) + 16])).upper()
        for disk in layout.disks:
            yield from (one.device for one in disk.partitions if one.id.upper() == guid)
    elif len(blob) == 12:
        disk_id, start = struct.unpack("<IQ", blob)
        for disk in layout.disks:
            if disk.table == "dos" and _disk_id(disk) == disk_id:
                yield from (one.device for one in disk.partitions if one.start == start)


def _disk_id(disk: Disk) -> int | None:
    """The MBR's disk signature as a number; tools write it as 0x1234abcd or 1234abcd."""
    try:
        return int(disk.table_id, 16)
    except ValueError:
        return None


def drive_mounts(drives: tuple[tuple[str, str], ...], root: Volume, layout: Layout) -> tuple[Mount, ...]:
    """Return where the volumes go in the guest's one tree: the system at ``/``, drive D at ``/D:`` and so on."""
    by_device = {volume.device: volume for volume in layout.volumes}
    mounts = [Mount("/", root)]
    for letter, device in drives:
        volume = by_device.get(device)
        if volume is not None and device != root.device and volume.content in MOUNTED:
            mounts.append(Mount(f"/{letter}:", volume))
    return tuple(mounts)
