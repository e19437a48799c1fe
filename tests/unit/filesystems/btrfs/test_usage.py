"""How full a btrfs is: numbers that a kernel gave (`stat -f`), from the same sizes."""

from __future__ import annotations

import pytest

from imgtools.filesystems.btrfs.checksum import checksum
from imgtools.filesystems.btrfs.chunks import DATA, DUP, METADATA, RAID0, RAID1, RAID5, RAID10
from imgtools.filesystems.btrfs.superblock import Superblock
from imgtools.filesystems.btrfs.usage import Device, Group, reserve, usage

MIB, GIB = 1 << 20, 1 << 30


def superblock(total: int, *, read_only: int = 3) -> Superblock:
    """One of a filesystem of so many bytes."""
    crc = checksum(0)
    assert crc is not None
    nothing = bytes(16)
    return Superblock(
        nothing, nothing, 1, 4096, 0, 4096, 0, 1, total, 1, 4096, 16384, crc, read_only, b"", 1, nothing, nothing
    )  # fmt: skip


def test_the_reserve_is_for_a_few_changes_and_grows_with_the_trees() -> None:
    # 256 KiB for a change; one, one a tree, six to remove a name, and twice six with a free space tree
    assert reserve(superblock(GIB), [16384] * 3) == 22 * 256 << 10
    assert reserve(superblock(GIB, read_only=0), [16384] * 2) == 15 * 256 << 10
    assert reserve(superblock(GIB), [100 * MIB, 28 * MIB]) == 128 * MIB
    assert reserve(superblock(GIB), [GIB]) == 512 * MIB


def test_one_device_whose_data_is_there_once() -> None:
    groups = [Group(METADATA | DUP, 8 * MIB, 16384)]
    kept = reserve(superblock(GIB), [16384] * 3)
    found = usage(superblock(GIB), groups, [Device(GIB, 16 * MIB)], kept)
    assert (found.size, found.free, found.available) == (GIB, GIB - 2 * 16384 - kept, GIB - 17 * MIB)
    assert (found.inodes, found.inodes_free) == (0, 0)


ROOM = {
    "two that hold the same": (RAID1, [10, 10], 10),
    "two of different sizes": (RAID1, [10, 4], 4),
    "three of different sizes, in pairs": (
        RAID1,
        [10, 6, 4],
        6,
    ),  # as the kernel counts; there is room for 10
    "in turn": (RAID0, [10, 4], 14),
    "in turn, of pairs": (RAID10, [4, 4, 4, 4], 8),
    "one copy": (0, [10, 4], 14),
    "twice on one": (DUP, [10], 5),
    "with parity, which is not subtracted": (RAID5, [10, 10, 10], 20),
}


@pytest.mark.parametrize("name", ROOM)
def test_what_is_left_on_the_devices(name: str) -> None:
    """In GiB, of devices that have nothing yet; each keeps 1 MiB for itself."""
    profile, sizes, expected = ROOM[name]
    devices = [Device(size * GIB + MIB, 0) for size in sizes]
    groups = [Group(DATA | profile, 64 << 10, 64 << 10)]
    found = usage(superblock(sum(sizes) * GIB), groups, devices, 0)
    assert round(found.available / GIB) == expected


def test_what_has_one_copy_beside_two_is_not_written_any_more() -> None:
    devices = [Device(GIB, GIB), Device(GIB, GIB)]
    groups = [Group(DATA, 100 * MIB, 0), Group(DATA | RAID1, 50 * MIB, 10 * MIB)]
    found = usage(superblock(2 * GIB), groups, devices, 0)
    # The kernel divides all by what the profile that it comes to last has.
    assert found.available == 80 * MIB and found.size == 2 * GIB


def test_more_used_than_there_is_is_nothing_free() -> None:
    groups = [Group(DATA, GIB, 5 * GIB)]
    found = usage(superblock(GIB), groups, [Device(GIB, GIB)], GIB)
    assert found.free == 0 and found.size == GIB
