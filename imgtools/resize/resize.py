"""Resize a disk in place: in an overlay that has the new size, as every edit is made.

The same steps run for a plan that is only shown, over an overlay in a folder that is thrown away: so what would not
work is found there already.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.disk.backing import examine_disks
from imgtools.disk.in_use import refuse_in_use
from imgtools.disk.sources.opening import refuse_sources
from imgtools.disk.transaction.filling import settle, told_if_full
from imgtools.disk.transaction.lock import lock_images
from imgtools.disk.transaction.may_edit import IN_PLACE, refuse_running_domain, require_writable
from imgtools.disk.transaction.sidecar import is_block_device
from imgtools.disk.transaction.transaction import Transaction
from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.keys import keys_for_volume
from imgtools.engine.qemu.overlay import create_overlay
from imgtools.engine.qemu.storage_daemon import serve_overlays
from imgtools.engine.volume_size import least_size, require_sizeable, set_size
from imgtools.errors import (
    BadImage,
    KeyNeeded,
    NoRoom,
    UnsupportedFormat,
    UsageError,
    WouldLoseData,
)
from imgtools.records.image import ImageInfo, Layer
from imgtools.records.request import ImageRequest, Key
from imgtools.resize.boot_record import SECTOR
from imgtools.resize.partitioning import PartitionTable, read_table, write_table
from imgtools.resize.resize_plan import EXT, IN_APPLIANCE, Resizing, Stretch

# offset and bytes of the disk -> a file on the host that can be written
Part = Callable[[int, int], Path]
COPY = "--output FILE makes a new image of the new size"
# What the tables of a filesystem take that grows: ext4 has inodes of 256 bytes for each 16 KiB, a 64th.
TABLES = {**dict.fromkeys(EXT, 50), "ntfs": 10_000, "f2fs": 50}


@dataclass(frozen=True, slots=True)
class Held:
    """One image, and for writing its locks."""

    info: ImageInfo
    locks: tuple[int, ...]
    write: bool


@contextmanager
def hold_image(request: ImageRequest, *, write: bool) -> Iterator[Held]:
    """Examine an image that is to be resized; for writing, keep everybody else away from it.

    :raises UnsupportedFormat: its format cannot be resized in place.
    :raises ImageInUse: another program has it.
    :raises UnfinishedEdit: an earlier edit was cut.
    """
    if len(request.disks) != 1:
        raise UsageError(
            "one disk at a time is resized", hint="name one image, or with -d one disk: --disk vda"
        )
    refuse_sources(request.disks)
    infos = examine_disks(request.disks, request.backing)
    _require_resizable(infos[0])
    with ExitStack() as stack:
        locks: tuple[int, ...] = ()
        if write:
            require_writable(infos)
            host_path = infos[0].source.host_path
            locks = stack.enter_context(lock_images([host_path]))
            infos = examine_disks(request.disks, request.backing)
            refuse_in_use(host_path)
            refuse_running_domain(host_path)
        yield Held(infos[0], locks, write)


def _require_resizable(info: ImageInfo) -> None:
    layer = info.chain[0]
    if info.source.snapshot is not None:
        raise UsageError("an internal snapshot is read only", hint="imgtools convert makes an image of it")
    if layer.encryption or layer.format == "luks":
        raise UnsupportedFormat(f"{layer.name} is an encrypted image", hint="imgtools convert decrypts it")
    if layer.format not in IN_PLACE:
        raise UnsupportedFormat(f"a {layer.format} image cannot be resized in place", hint=COPY)


def require_possible(held: Held, new_size: int) -> None:
    """Make sure that the image may have the new size.

    :raises UsageError: it is a block device, or the size is none.
    :raises UnsupportedFormat: what the image holds besides cannot follow.
    :raises NoRoom: the host's filesystem knows no file so large.
    """
    layer = held.info.chain[0]
    if new_size == layer.virtual_size:
        return
    if new_size <= 0 or new_size % 512:
        raise UsageError(f"not a size for a disk: {new_size} bytes", hint="a multiple of 512: 20G, +5G, -5G")
    if is_block_device(layer.host_path):
        raise UsageError(
            f"{layer.name} is a block device, whose size the host decides",
            hint="resize it there first (lvextend), then: imgtools resize --expand auto, without a size",
        )
    _refuse_snapshots(held.info, new_size)
    bitmaps = any("bitmaps" in name for name, _ in held.info.details)
    if new_size < layer.virtual_size and bitmaps:
        raise UnsupportedFormat(
            "QEMU does not shrink an image with bitmaps", hint="imgtools bitmap delete, then again"
        )
    if layer.format == "raw":
        _require_file_size(layer.host_path, new_size)


def _refuse_snapshots(info: ImageInfo, new_size: int) -> None:
    """Make sure that internal snapshots can stay, which keep the size that they have (qcow2_co_truncate)."""
    if not info.snapshots:
        return
    fact = f"{info.source.name} has {len(info.snapshots)} internal snapshots"
    if new_size < info.virtual_size:
        raise UnsupportedFormat(
            f"{fact}, and QEMU shrinks no image with snapshots",
            hint=f"{COPY}; imgtools snapshot delete removes them",
        )
    if dict(info.details).get("compat") == "0.10":
        raise UnsupportedFormat(
            f"{fact}, and version 2 of qcow2 knows no size of a snapshot",
            hint="imgtools amend -o compat=1.1 --write",
        )


def _require_file_size(host_path: Path, size: int) -> None:
    """Try it with a file of holes: a commit must not find out half-way."""
    folder = Path(os.path.realpath(host_path)).parent
    if not os.access(folder, os.W_OK):
        return
    with tempfile.TemporaryFile(dir=folder) as stream:
        try:
            os.ftruncate(stream.fileno(), size)
        except OSError as error:
            raise NoRoom(f"{folder} takes no file of {size} bytes: {error.strerror}") from None


class Workbench:
    """An overlay of the new size. Nothing reaches the image before :meth:`commit`."""

    def __init__(self, overlay: Path, chain: Sequence[Layer], transaction: Transaction | None) -> None:
        self.disks = ((overlay, tuple(chain)),)
        self._transaction = transaction

    @property
    def transaction(self) -> Transaction | None:
        """What will be committed; None: the overlay is thrown away, nothing is written."""
        return self._transaction

    @contextmanager
    def parts(self) -> Iterator[Part]:
        """Yield what gives parts of the disk as files; at the end, all of it is in the overlay.

        :raises NoRoom: the host has filled up meanwhile.
        """
        (overlay, _), *_ = self.disks
        with told_if_full(overlay), serve_overlays(self.disks, share=self._transaction is None) as daemon:
            yield lambda offset, size: daemon.export_file(0, offset, size)
            if self._transaction is not None:
                settle(daemon.export_file(0, 0, SECTOR))

    def require_room(self, wanted: int) -> None:
        """Make sure that the overlay may grow by so many bytes.

        :raises NoRoom: it may not.
        """
        if self._transaction is not None:
            self._transaction.require_room(wanted)

    def commit(self) -> None:
        """Make the changes count; see :meth:`Transaction.commit`."""
        if self._transaction is not None:
            self._transaction.commit()


@contextmanager
def open_workbench(held: Held, new_size: int) -> Iterator[Workbench]:
    """Make the overlay; what was not committed when the block ends never happened."""
    layer = held.info.chain[0]
    if not held.write:
        with scratch_folder() as folder:
            overlay = folder / "overlay"
            create_overlay(overlay, replace(layer, virtual_size=max(layer.virtual_size, new_size)))
            yield Workbench(overlay, held.info.chain, None)
        return
    transaction = Transaction([held.info], held.locks, new_size=new_size)
    try:
        transaction.begin()
        (overlay, chain), *_ = transaction.disks
        yield Workbench(overlay, chain, transaction)
    finally:
        transaction.discard()


def table_of(part: Part, size: int, sector_size: int) -> PartitionTable:
    """Read the table of the disk as it is now.

    :raises BadImage: it cannot be read.
    """
    return read_table(part(0, size), sector_size=sector_size)


def require_fit(part: Part, stretch: Stretch) -> None:
    """Make sure that a filesystem can have its new size, and that what it holds fits into that.

    :raises UnsupportedFormat: it is none that its program resizes.
    :raises WouldLoseData: it does not fit.
    """
    require_sizeable(part(stretch.start, stretch.size), stretch.volume.content)
    if not stretch.shrinks:
        return
    least = least_size(part(stretch.start, stretch.size), stretch.volume.content)
    if least > stretch.new_size:
        raise WouldLoseData(
            f"the {stretch.volume.content} on {stretch.volume.device} needs {least} bytes, "
            f"and would get {stretch.new_size}",
            hint=f"the disk needs {stretch.start + least + (2 << 20)} bytes at least, or remove files in the guest",
        )


def room_wanted(plan: Resizing) -> int:
    """Return about how many bytes the overlay takes: tables that grow, or blocks that move out of the way."""
    stretch = plan.stretch
    if stretch is None:
        return 0
    if stretch.shrinks:
        return stretch.size - stretch.new_size if stretch.volume.content != "swap" else 0
    return (stretch.new_size - stretch.size) // TABLES.get(stretch.volume.content, 100)


def require_key(plan: Resizing, keys: Sequence[Key]) -> None:
    """Make sure that there is a key where one will be needed: a boot need not find that out.

    :raises KeyNeeded: there is none.
    """
    volume = plan.stretch.volume if plan.stretch is not None else None
    if volume is None or volume.content != "crypto_LUKS":
        return
    if not keys_for_volume(volume, keys):
        raise KeyNeeded(
            f"{volume.device} is encrypted, and what is in it grows with its key only",
            hint=f"--key {volume.device}:file:PATH",
        )


def carry_out(part: Part, plan: Resizing) -> None:
    """Do everything that needs no boot, in the order in which nothing ever lies outside of what holds it."""
    stretch = plan.stretch
    if stretch is not None and stretch.shrinks:
        _set_size(part(stretch.start, stretch.size), stretch, stretch.new_size)
    if plan.changes_table and plan.new_table is not None:
        write_table(part(0, plan.new_size), plan.new_table)
    if stretch is not None and plan.on_host and not stretch.shrinks:
        _set_size(part(stretch.start, stretch.new_size), stretch, None)


def _set_size(host_path: Path, stretch: Stretch, size: int | None) -> None:
    volume = stretch.volume
    set_size(host_path, volume.content, size, uuid=volume.uuid, label=volume.label)


def carry_out_booted(bench: Workbench, plan: Resizing, keys: Sequence[Key]) -> tuple[str, ...]:
    """Do the rest in the appliance; returns what was grown there, in words.

    :raises KeyNeeded: a container is locked.
    :raises RolledBack: a program fails.
    """
    from imgtools.engine.appliance.grow import grow_in_appliance

    volume = plan.stretch.volume if plan.stretch is not None else None
    if volume is not None and volume.content not in IN_APPLIANCE:
        volume = None  # it has grown already, or cannot
    (overlay, _), *_ = bench.disks
    with told_if_full(overlay):
        size = plan.table.sector_size if plan.table is not None else SECTOR
        return grow_in_appliance(bench.disks, volume, plan.lv, keys, sector_size=size)


def has_no_table(error: BadImage) -> bool:
    """Whether a table could not be read because there is none."""
    return "has no partition table" in error.message
