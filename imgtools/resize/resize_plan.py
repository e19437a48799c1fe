"""What resizing a disk in place means for its table, its partitions and what they hold: pure functions.

Nothing moves here: a partition grows into the free room behind it, or ends earlier. Whoever needs more makes a copy
that is divided anew (:mod:`imgtools.resize.relayout`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from imgtools.errors import UnsupportedFormat, UsageError, WouldLoseData
from imgtools.records.disks import Layout, Partition, Volume
from imgtools.resize.partitioning import (
    ALIGNMENT,
    PartitionTable,
    check_table,
    expand,
    expand_auto,
    find_entry,
    grown,
    last_usable,
    room_behind,
    shrink,
)
from imgtools.volumes.names import is_named, mapped_device

EXT = frozenset({"ext2", "ext3", "ext4"})
ON_HOST = EXT | {"ntfs", "swap", "f2fs"}  # resized by their own programs, on the volume as a file
IN_APPLIANCE = frozenset({"xfs", "btrfs", "LVM2_member", "crypto_LUKS"})
SHRINKABLE = EXT | {"ntfs", "swap"}
AUTOMATIC = (ON_HOST | IN_APPLIANCE) - {"swap"}
# A Windows recovery environment is NTFS too, often the last on the disk, and nobody wants it larger.
RECOVERY_TYPES = frozenset(
    {"DE94BBA4-06D1-4D6A-BB73-7D9B1B4C2C9D", "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC", "0x27"}
)
# ntfsresize(8) marks every volume that it has resized, and says that chkdsk must run; nothing of ours takes that away.
AFTER_NTFS = (
    "Windows runs chkdsk on this NTFS when it boots next; until then imgtools reads it by the appliance only, which "
    "takes a boot, and does not write it: make changes before"
)
WHY_NOT = {
    "xfs": "XFS can grow, and never shrink",
    "f2fs": "nothing shrinks f2fs safely",
    "btrfs": "btrfs shrinks while it is mounted only: btrfs filesystem resize in the guest",
    "LVM2_member": "shrink its logical volumes and the physical volume in the guest: lvreduce -r, pvresize",
    "crypto_LUKS": "what is in the container has to shrink first, in the guest",
    "vfat": "no program here shrinks FAT",
    "exfat": "nothing shrinks exFAT",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for besides the size of the disk. Partitions are devices, as ``/dev/sda2``."""

    expand: str | None = None  # a device, or "auto"
    shrink: str | None = None
    lv: str | None = None  # gets all the room that is free in its group


@dataclass(frozen=True, slots=True)
class Stretch:
    """The volume whose size changes, in bytes. ``number`` is that of its partition; 0: the whole disk."""

    volume: Volume
    number: int
    start: int
    size: int
    new_size: int

    @property
    def shrinks(self) -> bool:
        """Whether it becomes smaller."""
        return self.new_size < self.size


@dataclass(frozen=True, slots=True)
class Resizing:
    """The whole plan. Without a table of partitions, ``table`` and ``new_table`` are None."""

    size: int
    new_size: int
    table: PartitionTable | None
    new_table: PartitionTable | None
    stretch: Stretch | None
    lv: str | None = None

    @property
    def changes_table(self) -> bool:
        """Whether the table has to be written: an MBR that names the same places stays as it is."""
        if self.table is None or self.new_table is None:
            return False
        gpt = self.new_table.label == "gpt" and self.new_size != self.size
        return gpt or self.new_table.entries != self.table.entries

    @property
    def on_host(self) -> bool:
        """Whether the content of the volume is resized without a boot."""
        return self.stretch is not None and self.stretch.volume.content in ON_HOST

    @property
    def needs_boot(self) -> bool:
        """Whether the appliance has to grow it."""
        in_appliance = self.stretch is not None and self.stretch.volume.content in IN_APPLIANCE
        return in_appliance or self.lv is not None


def plan_resize(layout: Layout, table: PartitionTable | None, new_size: int, wish: Wish) -> Resizing:
    """Plan a disk of ``new_size`` bytes.

    :raises UsageError: nothing would change, there is no such volume, or it has no room.
    :raises WouldLoseData: a partition would lie behind the disk's end.
    :raises UnsupportedFormat: the content cannot shrink.
    :raises BadImage: the table is damaged.
    """
    disk = layout.disks[0]
    _require_sense(disk.size, new_size, wish)
    wish = _with_pv(layout, table, new_size, wish)
    if table is None:
        return Resizing(disk.size, new_size, None, None, _whole_disk(layout, new_size, wish), wish.lv)
    check_table(table)
    if wish.shrink is not None:
        return _shrunk(layout, table, new_size, wish.shrink)
    new, number = grown(table, new_size), None
    if wish.expand == "auto":
        number, new = expand_auto(table, _growable(layout), new_size)
    elif wish.expand is not None:
        number = _partition(layout, wish.expand).number
        new = expand(table, number, new_size)
    stretch = _stretch(layout, table, new, number) if number is not None else None
    return Resizing(disk.size, new_size, table, new, stretch, wish.lv)


def _require_sense(size: int, new_size: int, wish: Wish) -> None:
    if wish.expand is not None and wish.shrink is not None:
        raise UsageError("--expand and --shrink do not go together")
    if wish.lv is not None and wish.shrink is not None:
        raise UsageError("--lv-expand and --shrink do not go together")
    if wish.shrink is not None and new_size >= size:
        raise UsageError("--shrink needs a size below that of the disk", hint=f"the disk has {size} bytes")
    if new_size == size and wish.expand is None and wish.lv is None:
        raise UsageError(
            f"the disk has {size} bytes already", hint="--expand auto grows its last partition into free room"
        )


def _whole_disk(layout: Layout, new_size: int, wish: Wish) -> Stretch | None:
    """Return the change of what lies on the disk itself, without a table."""
    disk = layout.disks[0]
    wanted = wish.shrink or wish.expand
    found = next((volume for volume in layout.volumes if volume.device == disk.device), None)
    if wanted is None:
        if new_size < disk.size:
            raise WouldLoseData(
                f"the disk has no partition table, and what lies behind byte {new_size} would be lost",
                hint=f"--shrink {disk.device} shrinks the filesystem on the whole disk first",
            )
        return None
    if wanted not in ("auto", disk.device) or found is None or not found.content:
        raise UsageError(
            f"there is no {wanted}: the disk has no partition table", hint="imgtools filesystems"
        )
    if new_size < disk.size:
        _require_shrinkable(found)
    return Stretch(found, 0, 0, disk.size, new_size)


def _with_pv(layout: Layout, table: PartitionTable | None, new_size: int, wish: Wish) -> Wish:
    """Where a logical volume is to grow, let its physical volume grow too, if it is known and has room."""
    if wish.lv is None:
        return wish
    found = next((lv for lv in layout.lvs if wish.lv in (lv.device, mapped_device(lv.device))), None)
    if found is None:
        if any(volume.content == "crypto_LUKS" for volume in layout.volumes):
            return replace(wish, expand=wish.expand or "auto")
        names = ", ".join(lv.device for lv in layout.lvs) or "none"
        raise UsageError(f"there is no logical volume {wish.lv}", hint=f"the disk has these: {names}")
    wish = replace(wish, lv=found.device)
    if wish.expand is not None:
        return wish
    devices = [pv.device for pv in layout.pvs if pv.vg == found.vg]
    if table is None:
        return replace(wish, expand=layout.disks[0].device) if layout.disks[0].device in devices else wish
    for partition in layout.disks[0].partitions:
        if partition.device in devices and room_behind(grown(table, new_size), partition.number)[0]:
            return replace(wish, expand=partition.device)
    return wish


def _growable(layout: Layout) -> set[int]:
    """The numbers of the partitions that ``auto`` may choose from."""
    contents = {volume.device: volume.content for volume in layout.volumes}
    return {
        one.number
        for one in layout.disks[0].partitions
        if contents.get(one.device) in AUTOMATIC and one.type not in RECOVERY_TYPES
    }


def _partition(layout: Layout, device: str) -> Partition:
    partitions = layout.disks[0].partitions
    found = next((one for one in partitions if device == str(one.number) or is_named(one, device)), None)
    if found is None:
        names = ", ".join(one.device for one in partitions) or "none"
        raise UsageError(f"there is no partition {device}", hint=f"the disk has these: {names}")
    if found.kind == "extended":
        raise UsageError(f"{device} is the extended partition", hint="name a logical one, it takes it along")
    return found


def _stretch(layout: Layout, old: PartitionTable, new: PartitionTable, number: int) -> Stretch:
    before, after, unit = find_entry(old, number), find_entry(new, number), old.sector_size
    partition = next(one for one in layout.disks[0].partitions if one.number == number)
    volume = _volume_of(layout, partition)
    return Stretch(volume, number, before.start * unit, before.size * unit, after.size * unit)


def _volume_of(layout: Layout, partition: Partition) -> Volume:
    found = next((volume for volume in layout.volumes if volume.device == partition.device), None)
    if found is None:
        raise UsageError(f"nobody knows what is on {partition.device}")
    return found


def _shrunk(layout: Layout, table: PartitionTable, new_size: int, device: str) -> Resizing:
    partition = _partition(layout, device)
    _require_shrinkable(_volume_of(layout, partition))
    entry, unit = find_entry(table, partition.number), table.sector_size
    others = [one for one in table.entries if one.start >= entry.end]
    if others:
        nearest = min(others, key=lambda one: one.start)
        raise UsageError(
            f"partition {nearest.number} lies behind {partition.device}, and stays where it is",
            hint="make a smaller copy, in which partitions move: --output FILE",
        )
    room = (last_usable(table, new_size) + 1) * unit // ALIGNMENT * ALIGNMENT - entry.start * unit
    if room >= entry.size * unit:
        raise UsageError(f"{partition.device} fits on the smaller disk as it is", hint="leave --shrink away")
    if room < ALIGNMENT:
        raise WouldLoseData(
            f"{partition.device} begins at byte {entry.start * unit}, where nothing would be left"
        )
    new = shrink(table, partition.number, room)
    container = new.extended
    if new.is_logical(entry) and container is not None:
        new = shrink(
            new, container.number, find_entry(new, partition.number).end * unit - container.start * unit
        )
    new = grown(new, new_size)
    stretch = _stretch(layout, table, new, partition.number)
    return Resizing(layout.disks[0].size, new_size, table, new, stretch)


def _require_shrinkable(volume: Volume) -> None:
    if volume.content not in SHRINKABLE:
        content = volume.content or "something unknown"
        why = WHY_NOT.get(volume.content, "nobody here can make it smaller")
        raise UnsupportedFormat(
            f"{volume.device} holds {content}, which cannot be shrunk: {why}",
            hint="make a new disk, and copy the files into it",
        )
