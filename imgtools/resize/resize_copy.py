"""Copy a disk to a new image that is divided anew: its table, boot code, partitions and what has to follow a move.

The source is only read. What has to shrink does so in an overlay that is thrown away afterwards; so a partition is
copied in its new size, and zeros are never copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from imgtools.disk.image_file import Conversion, Disk, convert_node, create_image, plain_node
from imgtools.disk.transaction.filling import settle, told_if_full
from imgtools.engine.appliance.grow import grow_in_appliance
from imgtools.engine.keys import keys_for_volume
from imgtools.engine.qemu.nodes import Node, chain_node, overlay_node, window
from imgtools.engine.qemu.overlay import commit_overlay, create_overlay
from imgtools.engine.qemu.storage_daemon import serve_new_image, serve_overlays
from imgtools.engine.volume_size import least_size, require_sizeable, set_size
from imgtools.errors import UnsupportedFormat, UsageError
from imgtools.records.disks import ENCRYPTED, Volume
from imgtools.records.image import Layer
from imgtools.records.progress import Progress
from imgtools.records.request import Key
from imgtools.resize.boot_record import (
    SECTOR,
    boot_sector_copies,
    grub_core_sector,
    move_around,
    with_core_sector,
    with_hidden_sectors,
    with_shifted_list,
)
from imgtools.resize.copy_plan import Fit
from imgtools.resize.partitioning import PartitionTable, read_table, write_table
from imgtools.resize.relayout import Move, Relayout

__all__ = [
    "FORMATS",
    "copy_disk",
    "finish_disk",
    "grow_booted",
    "grow_contents",
    "is_locked",
    "least_sizes",
    "read_source_table",
    "refuse_source",
    "shrink_contents",
    "target_disk",
]

FORMATS = frozenset({"raw", "qcow2"})  # that are written in place; others are made of a raw one


@dataclass(frozen=True, slots=True)
class Piece:
    """One stretch to copy, in bytes."""

    source: int
    target: int
    length: int


def refuse_source(disk: Disk) -> None:
    """Make sure that a disk can be read through an overlay.

    :raises UnsupportedFormat: it is encrypted as a whole.
    :raises UsageError: an internal snapshot of it is meant.
    """
    if disk.snapshot is not None:
        raise UsageError(
            "an internal snapshot cannot be resized",
            hint="imgtools convert --snapshot NAME makes an image of it",
        )
    if any(layer.encryption or layer.format == "luks" for layer in disk.info.chain):
        raise UnsupportedFormat(
            f"{disk.name} is an encrypted image",
            hint="imgtools convert makes one without encryption first",
        )


@contextmanager
def source_file(disk: Disk, overlay: Path) -> Iterator[Path]:
    """Yield a disk as a file that can be written: what is written lands in ``overlay``, which is made.

    A running guest's disk may be looked at too: what is asked of it here is a plan.
    """
    create_overlay(overlay, disk.top)
    with serve_overlays([(overlay, disk.info.chain)], share=True) as daemon:
        yield daemon.export_file(0, 0, disk.info.virtual_size)


def read_source_table(disk: Disk, folder: Path, *, sector_size: int) -> PartitionTable:
    """Read the partition table of a disk; ``folder`` is for an overlay.

    :raises BadImage: there is none.
    """
    overlay = folder / "table"
    with source_file(disk, overlay) as host_path:
        table = read_table(host_path, sector_size=sector_size)
    overlay.unlink()
    return table


# -- what the partitions hold -------------------------------------------------------------------------------


def least_sizes(disk: Disk, folder: Path, fits: Sequence[Fit], sector_size: int) -> dict[int, int]:
    """Return the bytes below which the filesystems that shall shrink cannot, by the number of their partition.

    :param folder: for an overlay, because a filesystem is checked, and its journal replayed, first.
    :raises UnsupportedFormat: one, which may also grow, is none that its program resizes.
    """
    overlay = folder / "sizes"
    found: dict[int, int] = {}
    create_overlay(overlay, disk.top)
    with serve_overlays([(overlay, disk.info.chain)], share=True) as daemon:
        for fit in fits:
            old = fit.move.old
            host_path = daemon.export_file(0, old.start * sector_size, old.size * sector_size)
            require_sizeable(host_path, fit.volume.content)
            if fit.shrinks:
                found[old.number] = least_size(host_path, fit.volume.content)
    overlay.unlink()
    return found


def shrink_contents(disk: Disk, overlay: Path, fits: Sequence[Fit], sector_size: int) -> Node:
    """Make filesystems smaller in an overlay, which is made; return the node of the disk as it is with it."""
    create_overlay(overlay, disk.top)
    with told_if_full(overlay), serve_overlays([(overlay, disk.info.chain)]) as daemon:
        for fit in fits:
            old, new = fit.move.old, fit.move.new
            assert new is not None
            host_path = daemon.export_file(0, old.start * sector_size, old.size * sector_size)
            volume = fit.volume
            size = new.size * sector_size
            set_size(host_path, volume.content, size, uuid=volume.uuid, label=volume.label)
    return overlay_node(overlay, chain_node(disk.info.chain))


def grow_contents(stretch: Callable[[int, int], Path], fits: Sequence[Fit], sector_size: int) -> None:
    """Make filesystems as large as their partitions in the new image."""
    for fit in fits:
        assert fit.move.new is not None
        new, volume = fit.move.new, fit.volume
        host_path = stretch(new.start * sector_size, new.size * sector_size)
        set_size(host_path, volume.content, uuid=volume.uuid, label=volume.label)


def grow_booted(
    target: Path,
    format: str,
    size: int,
    overlay: Path,
    fits: Sequence[Fit],
    lv: str | None,
    keys: Sequence[Key],
    sector_size: int,
) -> None:
    """Grow what only a kernel can grow, in the appliance, over an overlay that is then written into the new image.

    :raises RolledBack: a program of the appliance fails.
    """
    layer = Layer(target.absolute(), format, size, 0)
    create_overlay(overlay, layer)
    jobs = [(_moved_volume(fit), lv if fit is fits[-1] else None) for fit in fits] or [(None, lv)]
    for volume, grown in jobs:
        with told_if_full(overlay):
            grow_in_appliance([(overlay, (layer,))], volume, grown, keys, sector_size=sector_size)
    commit_overlay(overlay, (layer,))
    overlay.unlink()


def is_locked(volume: Volume, keys: Sequence[Key]) -> bool:
    """Whether nothing can be done about what a volume holds, because no key was given for it."""
    return volume.content in ENCRYPTED and not keys_for_volume(volume, keys)


def _moved_volume(fit: Fit) -> Volume | None:
    """The volume as the new disk names it."""
    assert fit.move.new is not None
    return replace(fit.volume, device=f"/dev/sda{fit.move.new.number}")


# -- copying ------------------------------------------------------------------------------------------------


def pieces(plan: Relayout, ignore: frozenset[int] = frozenset()) -> list[Piece]:
    """Return what has to be copied: the room before the first partition, where boot loaders live, and partitions.

    :param ignore: numbers of partitions whose content is left out.
    """
    size = plan.table.sector_size
    kept = [(move.old, move.new) for move in plan.moves if move.new is not None]
    starts = [entry.start for pair in kept for entry in pair] or [plan.table.first]
    found = [Piece(0, 0, min(starts) * size)]
    for old, new in kept:
        if not plan.table.is_extended(new) and old.number not in ignore:
            found.append(Piece(old.start * size, new.start * size, min(old.size, new.size) * size))
    return found


def copy_disk(
    source: Node,
    target: Path,
    format: str,
    size: int,
    plan: Relayout,
    *,
    ignore: frozenset[int],
    progress: Progress | None,
) -> None:
    """Make the image and copy what it will hold; the table of partitions is not right yet."""
    create_image(target, format, size)
    todo = pieces(plan, ignore)
    total, done = sum(piece.length for piece in todo), 0
    for piece in todo:
        report = _part_of_progress(progress, done, piece.length, total)
        convert_node(
            window(source, piece.source, piece.length),
            window(plain_node(target, format), piece.target, piece.length),
            Conversion(format),
            progress=report,
        )
        done += piece.length


def _part_of_progress(progress: Progress | None, done: int, length: int, total: int) -> Progress | None:
    if progress is None:
        return None
    return lambda part, whole: progress(done + length * part // max(1, whole), total)


@contextmanager
def target_disk(target: Path, format: str) -> Iterator[Callable[[int, int], Path]]:
    """Yield what gives a stretch (offset, bytes) of a new image as a file that can be written.

    :raises NoRoom: the host has filled up meanwhile.
    """
    with told_if_full(target), serve_new_image(target, format) as daemon:
        yield lambda offset, length: daemon.export_file(0, offset, length)
        settle(daemon.export_file(0, 0, SECTOR))


def finish_disk(host_path: Path, plan: Relayout) -> None:
    """Write the table, and tell boot code what has moved."""
    write_table(host_path, plan.table)
    factor = plan.table.sector_size // SECTOR
    with host_path.open("r+b") as stream:
        _finish_grub(stream, 0, plan)
        for move in plan.moves:
            if move.has_moved and move.new is not None and not plan.table.is_extended(move.new):
                _finish_boot_sector(stream, move, factor)
                _finish_grub(stream, move.new.start * factor, plan)


def _finish_grub(stream: BinaryIO, place: int, plan: Relayout) -> None:
    """Let GRUB's boot sector at sector ``place`` find its second part, if that has moved."""
    boot = _sector(stream, place)
    core = grub_core_sector(boot)
    move = move_around(core, plan.moves) if core is not None else None
    if core is None or move is None or move.new is None:
        return
    shift = move.new.start - move.old.start
    _put(stream, place, with_core_sector(boot, core + shift))
    _put(stream, core + shift, with_shifted_list(_sector(stream, core + shift), shift))


def _finish_boot_sector(stream: BinaryIO, move: Move, factor: int) -> None:
    """Tell a FAT or NTFS where it begins now, in its boot sector and in the copy of it."""
    assert move.new is not None
    boot = _sector(stream, move.new.start * factor)
    changed = with_hidden_sectors(boot, move.old.start, move.new.start)
    if changed is None:
        return
    _put(stream, move.new.start * factor, changed)
    for copy in boot_sector_copies(boot, move.old.size * factor):
        place = move.new.start * factor + copy
        if 0 < copy < move.new.size * factor and _sector(stream, place) == boot:
            _put(stream, place, changed)


def _sector(stream: BinaryIO, number: int) -> bytes:
    stream.seek(number * SECTOR)
    return stream.read(SECTOR).ljust(SECTOR, b"\0")


def _put(stream: BinaryIO, number: int, raw: bytes) -> None:
    stream.seek(number * SECTOR)
    stream.write(raw)
