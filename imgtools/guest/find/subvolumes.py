"""Whether the subvolume of btrfs that options name is there. Source: btrfs(5), mount options subvol and subvolid."""

from __future__ import annotations

from imgtools.records.disks import Holder, Layout, Volume


def lost_subvolume(options: str, volume: Volume, layout: Layout) -> str:
    """Return the subvolume that mount options name and that ``volume`` does not have; "" if it has it.

    It is also "" where nobody has listed the subvolumes. The last of two options counts, and "/" is the top of all.
    """
    names = [one.partition("=")[2].strip("/") for one in options.split(",") if one.startswith("subvol=")]
    if volume.content != "btrfs" or not names or not names[-1]:
        return ""
    there = {
        one.device.removeprefix(f"btrfsvol:{parent}/")
        for one in layout.volumes
        if one.holder is Holder.SUBVOLUME and one.uuid == volume.uuid
        for parent in one.parents
    }
    return names[-1] if there and names[-1] not in there else ""
