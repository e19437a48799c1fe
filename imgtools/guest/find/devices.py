"""Which volume of the image a guest means by a name of a device.

Guests name disks as they saw them when they ran: /dev/sda, /dev/vda, /dev/xvda and /dev/nvme0n1 may all be the
first disk. Names that a filesystem carries (UUID=, LABEL= ...) are exact; names of disks are translated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from imgtools.files.tree import GuestReader
from imgtools.records.disks import Disk, Holder, Layout, Partition, Volume
from imgtools.volumes.names import BY_TAG, disk_index, is_by_order, mapper_name, split_disk, unescape_udev

__all__ = ["Devices", "GuestNames", "disk_index", "is_by_order", "is_passing", "read_names", "split_disk"]

TABLE_LIMIT = 1 << 20  # bytes of crypttab or mdadm.conf
# Removable or made while the guest runs: never part of the image.
_PASSING = r"/dev/(sr|scd|cdrom|dvd|fd|floppy|loop|ram|zram|nbd|cdrw|dvdrw|cdroms/)"


def is_passing(spec: str) -> bool:
    """Whether a guest's name is one of a device that comes and goes: a drive of discs, a loop device."""
    return re.match(_PASSING, spec) is not None


class GuestNames(NamedTuple):
    """Names that only the guest's own files explain."""

    crypt: Mapping[str, str] = MappingProxyType({})  # crypttab: mapping -> the encrypted device
    md: Mapping[str, str] = MappingProxyType({})  # mdadm.conf: /dev/md0 -> UUID, as hexadecimal digits


def read_names(files: GuestReader) -> GuestNames:
    """Read crypttab(5) and mdadm.conf(5)."""
    md: dict[str, str] = {}
    for path in ("/etc/mdadm.conf", "/etc/mdadm/mdadm.conf"):
        md.update(parse_mdadm(_lines(files, path)))
    return GuestNames(parse_crypttab(_lines(files, "/etc/crypttab")), md)


def _lines(files: GuestReader, path: str) -> list[str]:
    if not files.is_file(path) or files.stat(path).size > TABLE_LIMIT:
        return []
    lines = (line.strip() for line in files.read_text(path, limit=TABLE_LIMIT).split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def parse_crypttab(lines: Iterable[str]) -> dict[str, str]:
    """Return mapping names and the devices below them."""
    rows = (line.split() for line in lines)
    return {row[0]: row[1] for row in rows if len(row) > 1}


def parse_mdadm(lines: Iterable[str]) -> dict[str, str]:
    """Return the devices of ``ARRAY`` lines and their UUIDs."""
    found = {}
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0].upper() == "ARRAY":
            uuid = next((word[5:] for word in words[2:] if word.lower().startswith("uuid=")), "")
            if uuid:
                found[words[1]] = hex_digits(uuid)
    return found


def hex_digits(uuid: str) -> str:
    """Return a UUID of any spelling as lower-case hexadecimal digits."""
    return re.sub(r"[^0-9a-f]", "", uuid.lower())


class Devices:
    """Finds the volume that a guest's name of a device means.

    :param root: the guest's root volume; of several volumes that fit (a snapshot has its origin's UUID) it wins.
    """

    def __init__(self, layout: Layout, root: Volume, names: GuestNames | None = None) -> None:
        self._layout = layout
        self._root = root
        self._names = names or GuestNames()
        self._asking: set[str] = set()
        self._learnt: dict[str, Disk] = {}  # a guest's name of a whole disk -> the disk

    def learn(self, spec: str) -> None:
        """Take in that ``spec`` is the root: where it names the disk, the guest's other names follow from it."""
        disk_name, number = split_disk(spec)
        partition = self._partition_of(self._root)
        if disk_name and partition and partition[1].number == number:
            self._learnt[disk_name] = partition[0]

    def _partition_of(self, volume: Volume) -> tuple[Disk, Partition] | None:
        for disk in self._layout.disks:
            for partition in disk.partitions:
                if partition.device == volume.device:
                    return disk, partition
        return None

    def find(self, spec: str) -> Volume | None:
        """Return the volume that ``spec`` (first field of fstab) means, or None if no volume fits."""
        tag, equals, value = spec.partition("=")
        if equals and not spec.startswith("/"):
            return self._tagged(tag.upper(), value)
        if not spec.startswith("/dev/"):
            return None
        return self._named(spec) or self._on_disk(spec)

    # -- names that the volume carries ---------------------------------------------------------------------

    def _first(self, fits: Iterable[Volume]) -> Volume | None:
        """Return the root if it fits, else a volume with files in it, else the first that fits."""
        found = list(fits)
        if self._root in found:
            return self._root
        found.sort(key=lambda volume: (not volume.mountable, volume.holder is Holder.SUBVOLUME))
        return found[0] if found else None

    def _tagged(self, tag: str, value: str) -> Volume | None:
        volumes = self._layout.volumes
        folded = value.casefold()
        if tag == "UUID":
            return self._first(volume for volume in volumes if volume.uuid.casefold() == folded != "")
        if tag == "LABEL":
            return self._first(volume for volume in volumes if volume.label == value != "")
        if tag == "PARTUUID":
            fits = (volume for volume in volumes if volume.part_uuid.casefold() == folded != "")
            return self._first(fits) or self._part_uuid(folded)
        if tag == "PARTLABEL":
            return self._first(volume for volume in volumes if volume.part_label == value != "")
        if tag == "ID":
            return self.find(f"/dev/disk/by-id/{value}")
        return None

    def _part_uuid(self, folded: str) -> Volume | None:
        """Find a partition by its id in the partition table, for volumes that do not carry it."""
        for disk in self._layout.disks:
            for partition in disk.partitions:
                if partition.id.casefold() == folded:
                    return self._device(partition.device)
        return None

    def _device(self, device: str) -> Volume | None:
        return self._first(volume for volume in self._layout.volumes if volume.device == device)

    def _named(self, spec: str) -> Volume | None:
        """Find what is below /dev/disk, /dev/mapper and /dev/VG, and md arrays."""
        name = unescape_udev(spec)
        for folder, tag in BY_TAG:
            if name.startswith(folder):
                return self._tagged(tag, name.removeprefix(folder))
        if name.startswith("/dev/disk/by-id/"):
            return self._by_id(name.removeprefix("/dev/disk/by-id/"))
        if name.startswith("/dev/mapper/"):
            return self._mapped(name.removeprefix("/dev/mapper/"))
        if name.startswith("/dev/md"):
            return self._md(name)
        return self._lv(name)

    def _lv(self, device: str) -> Volume | None:
        return self._first(
            volume
            for volume in self._layout.volumes
            if volume.device == device and volume.holder in (Holder.LV, Holder.MD, Holder.CRYPT)
        )

    def _by_id(self, name: str) -> Volume | None:
        if name.startswith("dm-name-"):
            return self._mapped(name.removeprefix("dm-name-"))
        if name.startswith("dm-uuid-LVM-"):
            return self._lv_uuid(name.removeprefix("dm-uuid-LVM-"))
        if name.startswith("dm-uuid-CRYPT-"):
            digits = hex_digits(name.split("-")[4]) if name.count("-") >= 4 else ""
            return self._crypt_on(lambda volume: hex_digits(volume.uuid) == digits != "")
        if name.startswith("md-uuid-"):
            return self._device(self._md_uuid(hex_digits(name.removeprefix("md-uuid-"))))
        if name.startswith("md-name-"):
            return self._device(self._md_label(name.removeprefix("md-name-")))
        return None

    def _lv_uuid(self, joined: str) -> Volume | None:
        """Find an LV by the 64 letters that device-mapper has: the VG's UUID, then the LV's, without dashes."""
        for lv in self._layout.lvs:
            group = next((vg for vg in self._layout.vgs if vg.name == lv.vg), None)
            if group and (group.uuid + lv.uuid).replace("-", "") == joined:
                return self._device(lv.device)
        return None

    def _mapped(self, name: str) -> Volume | None:
        """Find /dev/mapper/NAME: an LV (``VG-LV``, dashes within names doubled) or an opened encrypted device."""
        for lv in self._layout.lvs:
            if mapper_name(lv.vg, lv.name) == name:
                return self._device(lv.device)
        spec = self._names.crypt.get(name) or (f"UUID={name[5:]}" if name.startswith("luks-") else "")
        below = self._below(name, spec) if spec else None
        if below is not None:
            return self._crypt_on(lambda volume: volume.device == below.device)
        return self._device(f"/dev/mapper/{name}")

    def _below(self, name: str, spec: str) -> Volume | None:
        """Find the encrypted device under a mapping; a crypttab that leads in a circle finds nothing."""
        if name in self._asking:
            return None
        self._asking.add(name)
        found = self.find(spec)
        self._asking.discard(name)
        return found

    def _crypt_on(self, is_parent: Callable[[Volume], bool]) -> Volume | None:
        parents = {volume.device for volume in self._layout.volumes if is_parent(volume)}
        return self._first(
            volume
            for volume in self._layout.volumes
            if volume.holder is Holder.CRYPT and parents.intersection(volume.parents)
        )

    # -- md ------------------------------------------------------------------------------------------------

    def _arrays(self) -> Iterator[tuple[str, str, str]]:
        """Yield the device, the UUID as hexadecimal digits and the name of every array."""
        for array in self._layout.arrays:
            yield array.device, array.uuid, array.name
        known = {array.device for array in self._layout.arrays}
        volumes = self._layout.volumes
        for volume in volumes:
            if volume.holder is Holder.MD and volume.device not in known:
                for member in volumes:
                    if member.device in volume.parents:
                        yield volume.device, hex_digits(member.uuid), member.label

    def _md_uuid(self, digits: str) -> str:
        return next((device for device, uuid, _name in self._arrays() if uuid == digits != ""), "")

    def _md_label(self, name: str) -> str:
        """Find an array by its name, ``host:name`` or ``name``."""
        fits = (
            device
            for device, _, label in self._arrays()
            if name in (label, label.rpartition(":")[2]) and name
        )
        return next(fits, "")

    def _md(self, device: str) -> Volume | None:
        """Find /dev/md0 or /dev/md/name, or a partition of it."""
        for base, number in _array_parts(device):
            array = self._array(base)
            found = self._device(f"{array}p{number}" if number else array) if array else None
            if found is not None:
                return found
        return None

    def _array(self, device: str) -> str:
        """The device of an array: by mdadm.conf, by the array's name, by the device itself, or the only one."""
        name = device.removeprefix("/dev/md/") if device.startswith("/dev/md/") else device[len("/dev/md") :]
        by_conf = self._md_uuid(self._names.md[device]) if device in self._names.md else ""
        devices = list(dict.fromkeys(one for one, _uuid, _name in self._arrays()))
        itself = device if device in devices else ""
        return by_conf or self._md_label(name) or itself or (devices[0] if len(devices) == 1 else "")

    # -- names of whole disks and their partitions -----------------------------------------------------------

    def _on_disk(self, spec: str) -> Volume | None:
        disk_name, number = split_disk(spec)
        disk = self._disk(disk_name) if disk_name else None
        if disk is None:
            return None
        if number is None:
            return self._device(disk.device)
        for partition in disk.partitions:
            if partition.number == number:
                return self._device(partition.device)
        # Xen guests saw a bare filesystem as /dev/xvda1, with no partition table below it.
        return self._device(disk.device) if not disk.table and disk_name.startswith("/dev/xvd") else None

    def _disk(self, name: str) -> Disk | None:
        if name in self._learnt:
            return self._learnt[name]
        disks = self._layout.disks
        index = disk_index(name)
        if index is not None:
            if index >= len(disks) and name.startswith("/dev/xvd") and 4 <= index < 4 + len(disks):
                index -= 4  # on Xen, RHEL 6 calls the first disk xvde
            return disks[index] if index < len(disks) else None
        return disks[0] if len(disks) == 1 and name.startswith("/dev/disk/") else None


def _array_parts(device: str) -> Iterator[tuple[str, str]]:
    """The ways to read the name of an array: of a whole one, and of a partition: md0p1, md/0p1, md/boot1."""
    yield device, ""
    match = re.fullmatch(r"(/dev/md/?.*\d)p(\d{1,3})", device) or re.fullmatch(
        r"(/dev/md/.*\D)(\d{1,3})", device
    )
    if match:
        yield match[1], match[2]
