"""Whether the folder that a GRUB looks for is there: stations of the BIOS's way and of UEFI's ask the same."""

from __future__ import annotations

from imgtools.guest.boot.grub_place import GrubPlace, find_volume, is_folder_of_grub, path_on
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotKnown
from imgtools.records.disks import Declined, Disk, Volume


def missing_folder(
    examined: Examined, place: GrubPlace, disk: Disk | None, *, modules: bool
) -> str | NotKnown:
    """Say why a GRUB does not find its folder; "" if it does, or if that cannot be told from names.

    :param modules: whether it needs the modules there, not the configuration alone.
    """
    volume = find_volume(place, examined.layout, disk)
    if isinstance(volume, str):
        return volume
    if not place.folder or volume.content == "btrfs":  # which subvolume a path counts from is not said there
        return ""
    return _folder(examined, place, volume, modules)


def _folder(examined: Examined, place: GrubPlace, volume: Volume, modules: bool) -> str | NotKnown:
    path = path_on(volume, place.folder, examined.system.mounts)
    files = examined.files
    if not path:
        opened = examined.open_volume(volume)
        if isinstance(opened, Declined):
            return NotKnown(f"{volume.device} cannot be read: {opened.reason}")
        files, path = opened, place.folder
    if not files.is_dir(path):
        return f"{volume.device} has no folder {place.folder}"
    if modules and not is_folder_of_grub(files, path):
        return f"{place.folder} of {volume.device} has no normal.mod"
    return ""
