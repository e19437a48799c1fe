"""Where a GRUB looks for its folder: what its image has built in, or what a grub.cfg on the ESP says.

``(,gpt1)/boot/grub`` is a partition of the disk that it was started from, ``(lvmid/VG/LV)`` a logical volume,
``search.fs_uuid UUID root`` a filesystem. Sources: "Naming convention" and "search" in GRUB's manual.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.find.devices import hex_digits
from imgtools.records.disks import Disk, Holder, Layout, Mount, Volume
from imgtools.volumes.grub_core import Built
from imgtools.volumes.names import mapper_name

PLATFORMS = ("i386-pc", "x86_64-efi", "i386-efi", "arm64-efi")


@dataclass(frozen=True, slots=True)
class GrubPlace:
    """What a GRUB looks for. ``uuid`` of a filesystem, ``label`` of one, or ``device`` in GRUB's words, and a folder.

    ``folder`` is a path in that filesystem; "" if nothing was said.
    """

    folder: str = ""
    uuid: str = ""
    label: str = ""
    device: str = ""

    @property
    def name(self) -> str:
        """The filesystem, as people call it."""
        if self.uuid:
            return f"UUID={self.uuid}"
        return f"LABEL={self.label}" if self.label else f"({self.device})"


def place_of(built: Built) -> GrubPlace:
    """Return where an image looks that has this built in."""
    said = place_in_config(built.config)
    if said.uuid or said.label:
        return GrubPlace(said.folder or _folder(built.prefix)[1], said.uuid, said.label)
    device, folder = _folder(built.prefix)
    return GrubPlace(folder, device=device)


def _folder(prefix: str) -> tuple[str, str]:
    found = re.fullmatch(r"(?:\(([^()]*)\))?(/.*)?", prefix.strip())
    return (found[1] or "", found[2] or "") if found else ("", "")


def place_in_config(text: str) -> GrubPlace:
    """Return where a short configuration leads that searches a filesystem and sets the prefix in it."""
    uuid = label = folder = ""
    for line in text.split("\n"):
        words = line.replace("'", "").replace('"', "").split()
        if words[:1] and words[0].startswith("search"):
            plain = [word for word in words[1:] if not word.startswith("-")]
            by_label = words[0] == "search.fs_label" or any(word in ("-l", "--label") for word in words)
            by_file = words[0] == "search.file" or any(word in ("-f", "--file") for word in words)
            if plain and not by_file:
                uuid, label = ("", plain[0]) if by_label else (plain[0], "")
        elif found := re.match(r"(?:set )?\s*prefix=(?:\([^()]*\))?(/\S*)", " ".join(words)):
            folder = found[1]
        elif found := re.match(r"configfile (?:\([^()]*\))?(/\S*)/grub\.cfg", " ".join(words)):
            folder = folder or found[1]
    return GrubPlace(folder, uuid, label)


def find_volume(place: GrubPlace, layout: Layout, disk: Disk | None) -> Volume | str:
    """Return the volume that a GRUB means, or why there is none; an empty reason: it cannot be told.

    :param disk: the one that it was started from.
    """
    if place.uuid or place.label:
        fits = [
            one
            for one in layout.volumes
            if (one.uuid.casefold() == place.uuid.casefold() if place.uuid else one.label == place.label)
        ]
        fits.sort(key=lambda one: (not one.mountable, one.holder is Holder.SUBVOLUME))
        return fits[0] if fits else f"no filesystem here has {place.name}"
    return _by_device(place.device, layout, disk)


def _by_device(device: str, layout: Layout, disk: Disk | None) -> Volume | str:
    if found := re.fullmatch(r"(hd\d+)?,(?:gpt|msdos)?(\d{1,3})", device):
        if disk is None or found[1] not in (None, "hd0"):
            return ""
        partition = next((one for one in disk.partitions if one.number == int(found[2])), None)
        if partition is None:
            return f"{disk.device} has no partition {found[2]}"
        return _device(partition.device, layout) or ""
    if device.startswith("lvmid/"):
        ids = {f"lvmid/{group.uuid}/{one.uuid}": one.device for group in layout.vgs for one in layout.lvs
               if one.vg == group.name}  # fmt: skip
        return _device(ids.get(device, ""), layout) or "no logical volume here has this id"
    if device.startswith("lvm/"):
        names = {mapper_name(one.vg, one.name): one.device for one in layout.lvs}
        return _device(names.get(device[4:], ""), layout) or "there is no such logical volume"
    if device.startswith("mduuid/"):
        return _array(hex_digits(device[7:]), layout)
    return ""


def _array(digits: str, layout: Layout) -> Volume | str:
    members = {one.device for one in layout.volumes if hex_digits(one.uuid) == digits}
    arrays = (one for one in layout.volumes if one.holder is Holder.MD and members.intersection(one.parents))
    return next(arrays, "no array here has this id")


def _device(device: str, layout: Layout) -> Volume | None:
    return next((one for one in layout.volumes if one.device == device), None)


def path_on(volume: Volume, path: str, mounts: tuple[Mount, ...]) -> str:
    """Return the guest's path of a path in a volume; "" if the guest mounts none of it there.

    The last that is mounted counts: a subvolume of btrfs is told by its own name in front of the path.
    """
    for mount in sorted(mounts, key=lambda one: one.volume.device == volume.device, reverse=True):
        if mount.volume.device == volume.device or (mount.volume.uuid == volume.uuid != ""):
            inner = _inner(mount, volume)
            if inner and path.startswith(f"/{inner}/"):
                return join(mount.path, path[len(inner) + 2 :])
            if not inner:
                return join(mount.path, path.lstrip("/"))
    return ""


def _inner(mount: Mount, volume: Volume) -> str:
    """The folder of the filesystem that is mounted: a subvolume's name."""
    if mount.volume.device.startswith("btrfsvol:"):
        return mount.volume.device.split(":", 1)[1].removeprefix(volume.device).strip("/")
    return mount.inner.strip("/")


def is_folder_of_grub(files: GuestReader, folder: str) -> bool:
    """Whether a folder has GRUB's modules: each platform's ``normal.mod`` gives it commands and the menu."""
    return any(files.is_file(f"{folder}/{platform}/normal.mod") for platform in PLATFORMS)
