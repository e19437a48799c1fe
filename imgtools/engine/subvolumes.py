"""How the subvolumes of btrfs are named, by whichever engine reads them: as libguestfs names them.

Source: guestfs(3), "BTRFS SUBVOLUMES": ``btrfsvol:/dev/sda2/root``; btrfs(5), mount options subvol and subvolid.
"""

from __future__ import annotations

from dataclasses import replace

from imgtools.records.disks import Holder, Volume

PREFIX = "btrfsvol:"


def subvolume_of(volume: Volume, path: str) -> Volume:
    """Return a subvolume of the btrfs on ``volume`` as a volume of its own."""
    return replace(
        volume,
        device=f"{PREFIX}{volume.device}/{path}",
        holder=Holder.SUBVOLUME,
        parents=(volume.device,),
        part_uuid="",
        part_label="",
    )


def subvolume_path(volume: Volume) -> str:
    """Return the path of a subvolume from the top of its filesystem."""
    return volume.device.removeprefix(f"{PREFIX}{volume.parents[0]}/") if volume.parents else ""


def subvolume_option(options: str) -> str:
    """Return the option among those of fstab that matters to a reader: ``subvol=...`` or ``subvolid=...``."""
    found = [word for word in options.split(",") if word.startswith(("subvol=", "subvolid="))]
    return found[0] if found else ""
