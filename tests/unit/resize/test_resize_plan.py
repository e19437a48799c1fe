"""What resizing in place means, planned on records."""

from __future__ import annotations

import pytest

from imgtools.engine.sfdisk import Entry, PartitionTable
from imgtools.errors import ImgtoolsError, UnsupportedFormat, UsageError, WouldLoseData
from imgtools.records.disks import Disk, Holder, Layout, Partition, Volume
from imgtools.records.lvm import LogicalVolume, PhysicalVolume
from imgtools.resize.resize_plan import Resizing, Wish, plan_resize

MIB = 1 << 20
LINUX, RECOVERY = "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC"
# number, start and size in MiB, content, type
Row = tuple[int, int, int, str, str]


def disk(*rows: Row, label: str = "gpt", size: int = 100, lv: str = "") -> tuple[Layout, PartitionTable]:
    """A disk of ``size`` MiB with these partitions."""
    partitions = tuple(
        Partition(f"/dev/sda{number}", number, start * MIB, length * MIB, kind)
        for number, start, length, _, kind in rows
    )
    entries = tuple(
        Entry(number, start * 2048, length * 2048, kind) for number, start, length, _, kind in rows
    )
    volumes = tuple(
        Volume(f"/dev/sda{number}", Holder.PARTITION, length * MIB, content)
        for number, _, length, content, _ in rows
    )
    last = size * 2048 - (34 if label == "gpt" else 1)
    pvs = tuple(PhysicalVolume(v.device, "", v.size, "vg") for v in volumes if v.content == "LVM2_member")
    lvs = (LogicalVolume(lv, "root", "vg", "", MIB),) if lv else ()
    layout = Layout((Disk("/dev/sda", size * MIB, partitions=partitions),), pvs=pvs, lvs=lvs, volumes=volumes)
    return layout, PartitionTable(label, "id", 512, 2048 if label == "gpt" else 1, last, entries)


def plan(made: tuple[Layout, PartitionTable], size: int, **wish: str) -> Resizing:
    return plan_resize(*made, size * MIB, Wish(**wish))


ROOT_FIRST: tuple[Row, ...] = (
    (1, 10, 89, "ext4", LINUX),
    (14, 1, 4, "", LINUX),
    (15, 5, 5, "vfat", LINUX),
)


def test_auto_is_the_last_on_the_disk_not_the_highest_number() -> None:
    made = plan(disk(*ROOT_FIRST), 200, expand="auto")
    assert made.stretch is not None and made.stretch.number == 1
    assert made.stretch.new_size == 189 * MIB and made.on_host and not made.needs_boot


@pytest.mark.parametrize(("content", "kind"), [("swap", LINUX), ("ntfs", RECOVERY)])
def test_auto_takes_neither_swap_nor_recovery_and_names_what_is_in_the_way(content: str, kind: str) -> None:
    made = disk((1, 1, 50, "ntfs", LINUX), (2, 51, 40, content, kind))
    with pytest.raises(UsageError, match="partition 2 lies behind it") as raised:
        plan(made, 200, expand="auto")
    assert "--output" in raised.value.hint


def test_auto_does_not_take_a_small_gap_for_the_room_that_was_asked_for() -> None:
    """Root, a gap of 1 MiB, swap: the disk would grow by 100 MiB, and root by 1."""
    made = disk((1, 1, 88, "ext4", LINUX), (2, 90, 9, "swap", LINUX))
    with pytest.raises(
        UsageError, match=r"partition 1 would grow by 1048576 bytes only: partition 2 lies"
    ) as raised:
        plan(made, 200, expand="auto")
    assert (
        "100 MiB" not in raised.value.message
        and f"{100 * MIB} bytes would stay unused" in raised.value.message
    )
    assert "--output" in raised.value.hint
    # Who names it gets it; and a gap larger than what is behind is what was meant.
    named = plan(made, 200, expand="/dev/sda1")
    assert named.stretch is not None and named.stretch.new_size == 89 * MIB
    wide = plan(disk((1, 1, 48, "ext4", LINUX), (2, 90, 9, "swap", LINUX)), 100, expand="auto")
    assert wide.stretch is not None and wide.stretch.new_size == 89 * MIB
    # As much as stays unused is proportion enough.
    even = plan(disk((1, 1, 48, "ext4", LINUX), (2, 79, 10, "swap", LINUX)), 120, expand="auto")
    assert even.stretch is not None and even.stretch.new_size == 78 * MIB


def test_a_logical_volume_takes_its_physical_volume_along() -> None:
    made = plan(disk((2, 1, 90, "LVM2_member", LINUX), lv="/dev/vg/root"), 200, lv="/dev/vg/root")
    assert made.stretch is not None and made.stretch.number == 2 and made.needs_boot
    # Without more room on the disk, only what is free in its group.
    made = plan(disk((2, 1, 98, "LVM2_member", LINUX), lv="/dev/vg/root"), 100, lv="/dev/vg/root")
    assert made.stretch is None and made.needs_boot and not made.changes_table


def test_a_logical_volume_in_a_locked_container_is_believed() -> None:
    made = plan(disk((2, 1, 90, "crypto_LUKS", LINUX)), 200, lv="/dev/vg/root")
    assert made.stretch is not None and made.stretch.volume.content == "crypto_LUKS"


@pytest.mark.parametrize("content", ["xfs", "btrfs", "f2fs", "LVM2_member", "crypto_LUKS", "vfat", ""])
def test_what_cannot_shrink_says_why(content: str) -> None:
    with pytest.raises(UnsupportedFormat, match="cannot be shrunk"):
        plan(disk((1, 1, 98, content, LINUX)), 50, shrink="/dev/sda1")


def test_shrinking_ends_before_the_backup_gpt() -> None:
    made = plan(disk((1, 1, 98, "ext4", LINUX)), 50, shrink="/dev/sda1")
    assert made.stretch is not None and made.stretch.shrinks and made.stretch.new_size == 48 * MIB
    made = plan(disk((1, 1, 98, "ext4", "83"), label="dos"), 50, shrink="/dev/sda1")
    assert made.stretch is not None and made.stretch.new_size == 49 * MIB


@pytest.mark.parametrize(
    ("size", "wish", "kind", "said"),
    [
        (50, {"shrink": "/dev/sda15"}, UnsupportedFormat, "FAT"),
        (50, {"shrink": "/dev/sda7"}, UsageError, "no partition"),
        (50, {}, WouldLoseData, "partition 1 ends at byte"),
        (5, {"shrink": "/dev/sda1"}, WouldLoseData, "nothing would be left"),
        (99.5, {"shrink": "/dev/sda1"}, UsageError, "fits on the smaller disk"),
        (100, {}, UsageError, "already"),
        (100, {"expand": "/dev/sda1"}, UsageError, "cannot grow"),
        (200, {"expand": "/dev/sda15"}, UsageError, "partition 1 lies behind it"),
    ],
)
def test_what_cannot_be_is_refused(
    size: float, wish: dict[str, str], kind: type[ImgtoolsError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        plan_resize(*disk(*ROOT_FIRST), int(size * MIB), Wish(**wish))


def test_an_mbr_that_names_the_same_places_is_not_written() -> None:
    made = disk((1, 1, 98, "ext4", "83"), label="dos")
    assert not plan(made, 200).changes_table
    assert plan(made, 200, expand="auto").changes_table
    assert plan(disk((1, 1, 98, "ext4", LINUX)), 200).changes_table  # the backup GPT moves
