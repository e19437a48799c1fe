"""What people write for partitions and sizes, and what becomes of contents."""

from dataclasses import replace

import pytest

from imgtools.errors import UsageError, WouldLoseData
from imgtools.records.disks import Disk, Holder, Layout, Partition, Volume
from imgtools.records.lvm import LogicalVolume
from imgtools.resize.copy_plan import (
    fits_of,
    group_of,
    growable_numbers,
    new_disk_size,
    new_part_size,
    partition_number,
    place_warnings,
)
from imgtools.resize.partitioning import Entry, PartitionTable
from imgtools.resize.relayout import Move, Relayout

GIB = 1 << 30
TABLE = PartitionTable("gpt", "id", 512, 34, 1 << 30, (Entry(1, 2048, 4096, "L"), Entry(15, 34, 100, "E")))


def volume(number: int, content: str) -> Volume:
    return Volume(f"/dev/sda{number}", Holder.PARTITION, 0, content)


def layout(*contents: tuple[int, str, str], lvs: tuple[LogicalVolume, ...] = ()) -> Layout:
    """A disk of partitions: number, content, type."""
    parts = tuple(
        Partition(f"/dev/sda{number}", number, number << 20, 1 << 20, type) for number, _, type in contents
    )
    volumes = tuple(volume(number, content) for number, content, _ in contents)
    return Layout((Disk("/dev/sda", GIB, partitions=parts),), lvs=lvs, volumes=volumes)


@pytest.mark.parametrize("text", ["/dev/sda15", "sda15", "15", "/dev/vda15"])
def test_names_of_a_partition(text: str) -> None:
    assert partition_number(TABLE, text) == 15


@pytest.mark.parametrize("text", ["/dev/sdb1", "", "sda", "-1", "1\n", "/dev/sda2", "99999"])
def test_names_of_no_partition(text: str) -> None:
    with pytest.raises(UsageError):
        partition_number(TABLE, text)


@pytest.mark.parametrize(
    ("text", "size"), [(None, GIB), ("2G", 2 * GIB), ("+1G", 2 * GIB), ("-512M", GIB // 2)]
)
def test_sizes_of_a_disk(text: str | None, size: int) -> None:
    assert new_disk_size(text, GIB) == size


@pytest.mark.parametrize("text", ["1000", "-1G", "-2G", "much", "", "+", "0"])
def test_no_sizes_of_a_disk(text: str) -> None:
    with pytest.raises(UsageError):
        new_disk_size(text, GIB)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("50%", GIB // 2),
        ("+50%", GIB * 3 // 2),
        ("-25%", GIB * 3 // 4),
        ("12.5%", GIB // 8),
        ("+1G", 2 * GIB),
    ],
)
def test_sizes_of_a_partition(text: str, size: int) -> None:
    assert new_part_size(text, GIB) == size


def test_nobody_wants_a_larger_swap_or_recovery_partition() -> None:
    recovery = "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC"
    made = layout((1, "ntfs", "L"), (2, "xfs", "L"), (3, "swap", "L"), (4, "ntfs", recovery), (5, "", "L"))
    assert growable_numbers(made) == [1, 2]


def test_the_group_of_a_logical_volume() -> None:
    one = LogicalVolume("/dev/vg0/root", "root", "vg0", "u", GIB)
    assert group_of(layout((1, "LVM2_member", "L"), lvs=(one,)), "/dev/vg0/root") == "vg0"
    assert group_of(layout((1, "crypto_LUKS", "L")), "/dev/vg0/root") == ""  # it may be in there
    with pytest.raises(UsageError, match="no logical volume /dev/vg0/hoome"):
        group_of(layout((1, "LVM2_member", "L"), lvs=(one,)), "/dev/vg0/hoome")


def change(
    content: str, size: int, *, label: str = "gpt", start: int = 2048
) -> tuple[Relayout, dict[int, Volume]]:
    """Partition 1 of 4096 sectors gets ``size`` and begins at ``start``."""
    old = TABLE.entries[0]
    new = replace(old, size=size, start=start)
    made = Relayout(replace(TABLE, label=label, entries=(new,)), (Move(old, new),))
    return made, ({1: volume(1, content)} if content else {})


@pytest.mark.parametrize(
    "content", ["ext4", "ntfs", "swap", "f2fs", "xfs", "btrfs", "LVM2_member", "crypto_LUKS"]
)
def test_contents_that_grow(content: str) -> None:
    fits, warnings = fits_of(*change(content, 8192), frozenset(), set())
    assert [fit.shrinks for fit in fits] == [False] and not warnings


@pytest.mark.parametrize("content", ["ext2", "ntfs", "swap"])
def test_contents_that_shrink(content: str) -> None:
    fits, _ = fits_of(*change(content, 2048), frozenset(), set())
    assert [fit.shrinks for fit in fits] == [True]


@pytest.mark.parametrize("content", ["xfs", "f2fs", "LVM2_member", "vfat", ""])
def test_contents_that_do_not_shrink_unless_forced(content: str) -> None:
    made, volumes = change(content, 2048)
    with pytest.raises(WouldLoseData, match=f"holds {content or 'something unknown'}, which cannot"):
        fits_of(made, volumes, frozenset(), set())
    fits, warnings = fits_of(made, volumes, frozenset(), {1})
    assert not fits and "is cut off" in warnings[0].text


def test_contents_that_stay_or_are_left_out() -> None:
    made, volumes = change("vfat", 8192)
    assert "holds vfat, which stays" in fits_of(made, volumes, frozenset(), set())[1][0].text
    assert fits_of(*change("xfs", 2048), frozenset({1}), set()) == ([], [])
    assert fits_of(*change("ext4", 4096), frozenset(), set()) == ([], [])


def test_windows_that_moves_is_warned_of_on_an_mbr() -> None:
    assert "startup repair" in place_warnings(*change("ntfs", 4096, label="dos", start=4096))[0].text
    assert not place_warnings(*change("ntfs", 4096, label="gpt", start=4096))
    assert not place_warnings(*change("ntfs", 4096, label="dos"))
