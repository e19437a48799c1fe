"""Which bytes of its volume a filesystem says that it does not use, read from its own tables without mounting it.

A filesystem has to be clean for that: what waits in a journal is not in the tables yet.
"""

from __future__ import annotations

from collections.abc import Callable

from imgtools.records.disks import Declined
from imgtools.volumes.ranges import Range
from imgtools.volumes.volume_file import DiskFile


def free_room(disk: DiskFile, content: str) -> list[Range] | Declined:
    """Return the unused bytes of a volume in order, or say why nobody here can tell.

    :param content: what blkid calls it.
    :raises OddGuest: its tables are damaged.
    :raises BadImage: the volume cannot be read.
    """
    if content not in READERS:
        return Declined(disk.name, f"what is free in {content or 'unknown content'} is not read here")
    return READERS[content](disk)


def _ext(disk: DiskFile) -> list[Range] | Declined:
    from imgtools.filesystems.ext.free import free_blocks

    return free_blocks(disk)


def _xfs(disk: DiskFile) -> list[Range] | Declined:
    from imgtools.filesystems.xfs.free import free_extents

    return free_extents(disk)


def _btrfs(disk: DiskFile) -> list[Range] | Declined:
    from imgtools.filesystems.btrfs.free import free_stretches

    return free_stretches(disk)


def _ntfs(disk: DiskFile) -> list[Range] | Declined:
    from imgtools.filesystems.ntfs.free import free_clusters

    return free_clusters(disk)


def _fat(disk: DiskFile) -> list[Range] | Declined:
    from imgtools.filesystems.fat.free import free_clusters

    return free_clusters(disk)


# Where the signature of a swap area is: at the end of its first page, whose size is the processor's (mkswap(8)).
SWAP_SIGNATURE = b"SWAPSPACE2"
PAGES = (4096, 8192, 16384, 32768, 65536)


def _swap(disk: DiskFile) -> list[Range] | Declined:
    """All but the first page, which has its label, its UUID and what is bad on it."""
    for page in PAGES:
        if disk.read_at(page - len(SWAP_SIGNATURE), len(SWAP_SIGNATURE)) == SWAP_SIGNATURE:
            return [(page, disk.size)] if disk.size > page else []
    return Declined(disk.name, "no swap area of a kind that is known here")


READERS: dict[str, Callable[[DiskFile], list[Range] | Declined]] = {
    "ext2": _ext,
    "ext3": _ext,
    "ext4": _ext,
    "xfs": _xfs,
    "btrfs": _btrfs,
    "ntfs": _ntfs,
    "vfat": _fat,
    "swap": _swap,
}
