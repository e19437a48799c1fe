"""What the words of a request for a resized copy mean, and what becomes of each partition's content: pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from imgtools.engine.volume_size import SHRINKABLE, SIZEABLE
from imgtools.errors import UsageError, WouldLoseData
from imgtools.records.disks import Layout, Volume
from imgtools.records.system import Warned
from imgtools.resize.partitioning import ALIGNMENT, PartitionTable, find_entry
from imgtools.resize.relayout import Move, Relayout
from imgtools.resize.resize_plan import AUTOMATIC, IN_APPLIANCE, RECOVERY_TYPES
from imgtools.units import parse_change
from imgtools.volumes.names import own_device


@dataclass(frozen=True, slots=True)
class Fit:
    """A content that is made as large as its new partition, or smaller so that it fits into it."""

    move: Move
    volume: Volume
    shrinks: bool


# -- words ----------------------------------------------------------------------------------------------------


def partition_number(table: PartitionTable, text: str) -> int:
    """Return the number of a partition of the disk that is named ``/dev/sda2``, ``vda2`` or ``2``.

    :raises UsageError: it is no such name, or there is no such partition.
    """
    found = re.fullmatch(r"(?:/dev/sda)?(\d{1,4})", own_device(text))
    if found is None:
        raise UsageError(f"not a partition: {text}", hint="write /dev/sda2")
    find_entry(table, int(found[1]))
    return int(found[1])


def new_disk_size(text: str | None, old: int) -> int:
    """Return the new disk's bytes: a size, or what is added or taken away."""
    if text is None:
        return old
    size = parse_change(text, old)
    if size <= 0 or size % 512:
        raise UsageError(f"not a size for a disk: {text}", hint="write 20G, +5G or -5G")
    return size


def new_part_size(text: str, old: int) -> int:
    """Return a partition's new bytes: a size, what is added or taken away, or percents of the old one."""
    percent = re.fullmatch(r"([+-]?)(\d+(?:\.\d+)?)%", text)
    if percent is None:
        return parse_change(text, old)
    change = int(old * Fraction(percent[2]) / 100)
    return {"": change, "+": old + change, "-": old - change}[percent[1]]


def volumes_of(layout: Layout, table: PartitionTable) -> dict[int, Volume]:
    """Return what each partition holds, by its number."""
    devices = {partition.device: partition.number for partition in layout.disks[0].partitions}
    found = {devices[volume.device]: volume for volume in layout.volumes if volume.device in devices}
    return {number: volume for number, volume in found.items() if table.entry(number) is not None}


def growable_numbers(layout: Layout) -> list[int]:
    """Return the numbers of the partitions that are meant when nobody names one: swap and recovery do not count."""
    contents = {volume.device: volume.content for volume in layout.volumes}
    return [
        one.number
        for one in layout.disks[0].partitions
        if contents.get(one.device) in AUTOMATIC and one.type not in RECOVERY_TYPES
    ]


def may_align_first(table: PartitionTable, volumes: Mapping[int, Volume]) -> bool:
    """Whether the first partition begins at an odd place, and may leave it: one NTFS alone on an MBR, as of Windows XP.

    Its boot sector says where it begins, and is put right. Later Windows has the place in its boot configuration too,
    which nobody here puts right, but begins on a MiB. The same case as virt-resize(1), --align-first auto.
    """
    if table.label != "dos" or len(table.entries) != 1:
        return False
    (entry,) = table.entries
    volume = volumes.get(entry.number)
    return (
        volume is not None and volume.content == "ntfs" and entry.start * table.sector_size % ALIGNMENT != 0
    )


def group_of(layout: Layout, lv: str) -> str:
    """Return the group of a logical volume; nothing if only an encrypted volume can hold it.

    :raises UsageError: there is none of that name.
    """
    found = next((one for one in layout.lvs if one.device == lv), None)
    if found is not None:
        return found.vg
    if any(volume.content == "crypto_LUKS" for volume in layout.volumes):
        return ""
    names = ", ".join(one.device for one in layout.lvs) or "none"
    raise UsageError(f"there is no logical volume {lv}", hint=f"the disk has these: {names}")


# -- contents -------------------------------------------------------------------------------------------------


def fits_of(
    made: Relayout, volumes: Mapping[int, Volume], ignore: frozenset[int], forced: set[int]
) -> tuple[list[Fit], list[Warned]]:
    """Return which contents follow their partitions, and what stays as it is."""
    fits: list[Fit] = []
    warnings: list[Warned] = []
    for move in made.moves:
        old, new = move.old, move.new
        if new is None or new.size == old.size or old.number in ignore or made.table.is_extended(new):
            continue
        volume = volumes.get(old.number)
        content = volume.content if volume is not None else ""
        if volume is not None and content in (SHRINKABLE if new.size < old.size else SIZEABLE | IN_APPLIANCE):
            fits.append(Fit(move, volume, shrinks=new.size < old.size))
        else:
            warnings += _unfit(old.number, content, grows=new.size > old.size, forced=old.number in forced)
    return fits, warnings


def _unfit(number: int, content: str, *, grows: bool, forced: bool) -> list[Warned]:
    """Say what happens to a content that is not resized.

    :raises WouldLoseData: its end would be cut off.
    """
    name = content or "something unknown"
    if grows:
        return [Warned(f"partition {number} holds {name}, which stays as large as it is")]
    if not forced:
        raise WouldLoseData(
            f"partition {number} holds {name}, which cannot be made smaller here",
            hint=f"--resize-force {number}=SIZE cuts off its end",
        )
    return [Warned(f"the end of partition {number} ({name}) is cut off")]


def place_warnings(made: Relayout, volumes: Mapping[int, Volume]) -> list[Warned]:
    """Warn of what no copy can put right."""
    warnings = []
    for move in made.moves:
        volume = volumes.get(move.old.number)
        if move.has_moved and made.table.label == "dos" and volume is not None and volume.content == "ntfs":
            warnings.append(
                Warned(
                    f"partition {move.old.number} (NTFS) moves: if Windows boots from it, its boot configuration "
                    "names the old place, and Windows' own startup repair has to mend it"
                )
            )
        if move.new is not None and move.new.number != move.old.number:
            warnings.append(
                Warned(
                    f"logical partition {move.old.number} becomes {move.new.number}: an MBR numbers them without "
                    "gaps, so see to /etc/fstab and the boot loader where they name it"
                )
            )
    return warnings
