"""How full a btrfs is, as the kernel says it of one that is mounted read-only.

Source: Linux 6.12, fs/btrfs/super.c (btrfs_statfs, btrfs_calc_avail_data_space), fs/btrfs/block-group.c
(btrfs_read_block_groups) and fs/btrfs/block-rsv.c (btrfs_update_global_block_rsv).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from imgtools.filesystems.btrfs.chunks import (
    DATA,
    PROFILE,
    PROFILES,
    RAID0,
    RAID1,
    RAID1C3,
    RAID1C4,
    RAID5,
    RAID6,
    RAID10,
    STRIPE,
    Profile,
)
from imgtools.filesystems.btrfs.superblock import Superblock
from imgtools.records.usage import Usage

MIB = 1 << 20
DEVICE_RESERVED = MIB  # BTRFS_DEVICE_RANGE_RESERVED: the begin of each device
LARGEST_RESERVE = 512 * MIB
LEVELS = 8  # BTRFS_MAX_LEVEL
UNLINKING = (
    6  # BTRFS_UNLINK_METADATA_UNITS: items that removing a name may change, which the reserve has room for
)
FREE_SPACE_TREE_FLAG = 0x1  # of compat_ro_flags
MIRRORED = tuple(flag for flag, known in PROFILE.items() if known.copies > 1 or known.parity)
BY_REDUNDANCY = (RAID1C4, RAID6, RAID1C3, RAID5, RAID10, RAID1, RAID0)  # btrfs_reduce_alloc_profile


class Group(NamedTuple):
    """A block group: its kind, its length and how much of it is used, all in btrfs' own addresses."""

    kind: int
    length: int
    used: int

    @property
    def profile(self) -> int:
        """Its profile's flag; 0: a single copy."""
        return self.kind & PROFILES


class Device(NamedTuple):
    """A device: its size, and how much of it belongs to chunks."""

    size: int
    used: int


def reserve(superblock: Superblock, trees: Sequence[int]) -> int:
    """The bytes that the kernel keeps for itself, so that files can be removed from a full filesystem.

    :param trees: bytes of the blocks of the extent, checksum, free space and block group trees.
    """
    item = superblock.node * LEVELS * 2  # what changing one may take
    references = UNLINKING * (2 if superblock.read_only_features & FREE_SPACE_TREE_FLAG else 1)
    least = item * (1 + len(trees) + UNLINKING + references)
    return min(max(sum(trees), least), LARGEST_RESERVE)


def usage(superblock: Superblock, groups: Sequence[Group], devices: Sequence[Device], reserved: int) -> Usage:
    """The numbers of statvfs; btrfs has no number of inodes."""
    sector = superblock.sector
    data = [group for group in groups if group.kind & DATA]
    # Of several profiles the one that the kernel comes to last counts for the whole.
    profiles = sorted({group.profile for group in data}, key=lambda flag: PROFILE[flag].order)
    factor = PROFILE[profiles[-1]].copies if profiles else 1
    used = sum(group.used * PROFILE[group.profile].copies for group in groups)
    free_data = sum(_free(group) for group in data)
    chosen = _chosen(profiles, len(devices))
    if chosen in MIRRORED:
        free_data -= sum(_free(group) for group in data if group.profile in (0, RAID0))
    blocks = superblock.total_bytes // factor // sector
    free = max(0, blocks - used // factor // sector)
    free = max(0, free - reserved // sector)
    available = free_data // factor + _allocatable(devices, PROFILE[chosen], chosen) // factor
    return Usage(
        size=blocks * sector,
        free=free * sector,
        available=available // sector * sector,
        inodes=0,
        inodes_free=0,
    )


def _free(group: Group) -> int:
    return (group.length - group.used) * PROFILE[group.profile].copies


def _chosen(profiles: Iterable[int], devices: int) -> int:
    """The profile of the next chunk of data: the safest of those that there are."""
    possible = [flag for flag in profiles if PROFILE[flag].least <= devices]
    return next((flag for flag in (*BY_REDUNDANCY, *PROFILE) if flag in possible), 0)


def _allocatable(devices: Sequence[Device], known: Profile, flag: int) -> int:
    """The bytes that chunks of data can still take from the devices."""
    stripes = {RAID0: len(devices), RAID10: 4}.get(flag, known.copies if known.on_device == 1 else 1)
    least = known.on_device * STRIPE
    rooms = [(device.size - device.used) // STRIPE * STRIPE for device in devices]
    left = sorted((room - DEVICE_RESERVED for room in rooms if room > DEVICE_RESERVED + least), reverse=True)
    total = 0
    while left and len(left) >= known.least:
        stripes = min(stripes, len(left))
        smallest = left[-1]
        if smallest >= least:
            total += smallest * stripes
            for index in range(len(left) - stripes, len(left)):
                left[index] -= smallest
        left.pop()
    return total
