"""Which volume a line of fstab may mean whose own is gone, and how that one is named instead.

Source: the Discoverable Partitions Specification (types of partitions), udev's names of LVM's volumes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imgtools.guest.find.fstab import FstabEntry
from imgtools.guest.find.mount_options import MOUNTED_AS, is_swap
from imgtools.records.disks import Disk, Holder, Layout, Partition, Volume
from imgtools.volumes.names import mapper_name

# What partitions are for, by their types' GUIDs (the Discoverable Partitions Specification) and MBR bytes.
_ROLES = {
    "C12A7328-F81F-11D2-BA4B-00A0C93EC93B": ("/boot/efi", "/efi", "/boot"),
    "0xef": ("/boot/efi", "/efi", "/boot"),
    "BC13C2FF-59E6-4262-A352-B275FD6F7172": ("/boot",),
    "933AC7E1-2EB4-4F13-B844-0E14E2AEF915": ("/home",),
    "3B8F8425-20E0-4F3B-907F-1A25A76F98E8": ("/srv",),
    "4D21B016-B534-45C2-A9FB-5C16E091FD2D": ("/var",),
    "7EC6F557-3BC5-4ACA-B293-16EF5DF639D1": ("/var/tmp",),
}
# Names that say what a volume is for, where they are not the last part of the place itself.
_CALLED = {"boot": "/boot", "efi": "/boot/efi", "esp": "/boot/efi", "uefi": "/boot/efi", "root": "/"}


def stand_ins(entry: FstabEntry, used: Iterable[Volume], root: Volume, layout: Layout) -> tuple[Volume, ...]:
    """Return the volumes that may be meant: nobody else's, of the type, and not there for something else.

    :param used: what the other lines of fstab name.
    """
    if entry.path == "/":
        return (root,)
    taken = {one.device for one in used} | {root.device, _base(root.device)}
    fits = [
        one
        for one in layout.volumes
        if one.device not in taken
        and one.holder is not Holder.SUBVOLUME
        and (one.uuid or one.part_uuid)
        and _is_of_type(entry, one)
    ]
    roles = {one.device: places_of(one, layout) for one in fits}
    place = "swap" if is_swap(entry) else entry.path
    said = [one for one in fits if place in roles[one.device]]
    return tuple(said or [one for one in fits if not roles[one.device]])


def _is_of_type(entry: FstabEntry, volume: Volume) -> bool:
    names = MOUNTED_AS.get(volume.content, frozenset({volume.content}))
    if is_swap(entry):
        return volume.content == "swap"
    return volume.mountable and ("auto" in entry.type or bool(names & set(entry.type.split(","))))


def places_of(volume: Volume, layout: Layout) -> tuple[str, ...]:
    """Return where a volume is meant to be mounted, as its partition's type and its names say; empty: nobody says."""
    if volume.content == "swap":
        return ("swap",)
    found = list(_ROLES.get(_type_of(volume, layout), ()))
    name = volume.device.rpartition("/")[2] if volume.holder is Holder.LV else ""
    for one in (volume.label, volume.part_label, name):
        word = one.casefold().strip("/")
        if word in _CALLED:
            found.append(_CALLED[word])
        elif one.startswith("/"):
            found.append(one)
        elif word in ("home", "srv", "var", "opt", "usr", "tmp", "data"):
            found.append(f"/{word}")
    return tuple(dict.fromkeys(found))


def _type_of(volume: Volume, layout: Layout) -> str:
    parts: Sequence[tuple[Disk, Partition]] = [(d, p) for d in layout.disks for p in d.partitions]
    return next((part.type for _disk, part in parts if part.device == volume.device), "")


def _base(device: str) -> str:
    """The device below a btrfs subvolume: ``btrfsvol:/dev/sda2/@`` is on /dev/sda2."""
    return "/".join(device.removeprefix("btrfsvol:").split("/")[:3]) if device.startswith("btrfsvol:") else ""


def name_as(spec: str, volume: Volume) -> str:
    """Return a name for a volume in the way in which a line named another; "" if it has none.

    Names of disks, which depend on the order in which they are found, become UUIDs.
    """
    tag = spec.partition("=")[0].upper() if "=" in spec and not spec.startswith("/") else ""
    if tag == "LABEL" and volume.label and not any(letter.isspace() for letter in volume.label):
        return f"LABEL={volume.label}"
    if tag in ("PARTUUID", "PARTLABEL") and volume.part_uuid:
        return f"PARTUUID={volume.part_uuid.lower()}"
    if volume.holder is Holder.LV and not tag:
        group, _, name = volume.device.removeprefix("/dev/").partition("/")
        return f"/dev/mapper/{mapper_name(group, name)}" if spec.startswith("/dev/mapper/") else volume.device
    if volume.uuid:
        return f"UUID={volume.uuid}"
    return f"PARTUUID={volume.part_uuid.lower()}" if volume.part_uuid else ""
