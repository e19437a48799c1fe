"""Copy a stretch of one disk to a place in another, or to a new image."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from imgtools.disk.formats import format_by_name, known_format, require_ability
from imgtools.disk.image_file import (
    Conversion,
    Disk,
    Node,
    convert_node,
    copy_bytes,
    create_image,
    key_warnings,
    open_disk,
    part_of,
    plain_node,
)
from imgtools.disk.new_file import free_room, new_file, refuse_target, require_room, sync_file
from imgtools.disk.overlays_beside import overlays_of
from imgtools.disk.sources.opening import opened_disk
from imgtools.disk.table_edit import change_and_check
from imgtools.disk.transaction.lock import lock_images
from imgtools.disk.transaction.may_edit import require_access
from imgtools.disk.transaction.sidecar import is_block_device, sidecar_of
from imgtools.disk.transaction.transaction import Transaction
from imgtools.disk.whole_sectors import SECTOR, ceiling, whole_sectors
from imgtools.errors import NoRoom, UnsupportedFormat, UsageError, WouldLoseData
from imgtools.records.image import DiskSource
from imgtools.records.request import ImageRequest
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.units import parse_size

Progress = Callable[[int, int], None]
LARGEST = (1 << 63) - SECTOR  # bytes of a disk, as QEMU counts them
READ_ONLY = frozenset({"dmg", "bochs", "cloop"})


class Way(Enum):
    """How an image that is there is written over."""

    BYTES = "an overlay on the bytes of its file"
    OVERLAY = "an overlay on the disk"
    COPY = "a copy that takes its place"
    DIRECTLY = "at once"


@dataclass(frozen=True, slots=True)
class DdRequest:
    """What is copied where. ``count``, ``skip`` and ``seek`` are blocks of ``block`` bytes."""

    source: ImageRequest
    target: Path
    target_format: str | None = None
    block: str = "64K"
    count: int | None = None
    skip: int = 0
    seek: int = 0
    write: bool = False  # into an image that is there
    force: bool = False  # although other images stand on it
    directly: bool = False  # without keeping a way back


@dataclass(frozen=True, slots=True)
class DdReport:
    """What was copied, or would be; offsets and length in bytes."""

    image: str
    target: str
    format: str
    from_offset: int
    to_offset: int
    length: int
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    warnings: tuple[Warned, ...] = ()


def copy_part(request: DdRequest, progress: Progress | None = None) -> DdReport:
    """Copy part of a disk; a target that is there keeps all the rest of what it holds.

    A new image has whole sectors of 512 bytes: what is behind the copy in its last one is zeros.

    :raises UsageError: the stretch is not on the disk, or does not fit into the target.
    :raises WouldLoseData: other images stand on the target.
    :raises UnsupportedFormat: QEMU cannot write the target's format.
    :raises NoRoom: the host has no room for it; nothing was written.
    """
    with opened_disk(request.source) as source:
        return _copy_part(replace(request, source=source), progress)


def _copy_part(request: DdRequest, progress: Progress | None) -> DdReport:
    disk = open_disk(request.source)
    block = parse_size(request.block)
    if block <= 0:
        raise UsageError(f"not a size of a block: --bs {request.block}")
    start, place = request.skip * block, request.seek * block
    rest = disk.info.virtual_size - start
    length = rest if request.count is None else min(rest, request.count * block)
    if length <= 0:
        raise UsageError(f"nothing to copy at byte {start}: the disk has {disk.info.virtual_size}")
    if place + length > LARGEST:
        raise UsageError(f"no disk is so large: {length} bytes at {place}")
    if request.target.exists():
        return _into(disk, request, start, place, length, progress)
    return _anew(disk, request, start, place, length, progress)


def _anew(
    disk: Disk, request: DdRequest, start: int, place: int, length: int, progress: Progress | None
) -> DdReport:
    """Make a new image; what lies before the copy reads as zeros."""
    format = format_by_name(request.target, request.target_format)
    require_ability(format, "create")
    if format == "luks":
        raise UsageError("dd makes no encrypted image", hint="imgtools convert --new-key does")
    refuse_target(request.target, overwrite=False)
    require_room(request.target.absolute().parent, _data(disk, start, length), str(request.target))
    with (
        new_file(request.target, source=disk.info) as draft,
        whole_sectors(disk, start, place, length, target=None, beside=request.target) as piece,
    ):
        options = (("force_size", "on"),) if format == "vpc" else ()
        create_image(draft.host_path, format, ceiling(place + length), options)
        node = part_of(plain_node(draft.host_path, format), piece.place, piece.length)
        convert_node(piece.node, node, Conversion(format), progress=progress)
    words = f"make {request.target} ({format}) of {length} bytes from byte {start}"
    steps = (DiskStep("make-image", words, str(request.target), format, size=length, start=start),)
    return _report((disk,), request, format, start, place, length, steps, written=True)


def _data(disk: Disk, start: int, length: int) -> int:
    """Return how many bytes of the stretch are stored; of an internal snapshot nobody can tell, so all of it."""
    if disk.snapshot is not None:
        return length
    extents = disk.extents(start=start, length=length)
    return sum(extent.length for extent in extents if extent.data and not extent.zero)


def _into(
    disk: Disk, request: DdRequest, start: int, place: int, length: int, progress: Progress | None
) -> DdReport:
    """Write over part of an image that is there."""
    format = known_format(request.target_format) if request.target_format else None
    target = open_disk(
        DiskSource(request.target, format),
        keys=request.source.keys,
        backing=request.source.backing,
        to_write=True,
    )
    _refuse(disk, target, request.force)
    if place + length > target.info.virtual_size:
        raise UsageError(
            f"{length} bytes at {place} do not fit into the {target.info.virtual_size} of {request.target}",
            hint="say --count, or give the target more room first: imgtools resize",
        )
    way = _way(target, request.directly)
    _require_room(target.top.host_path, _data(disk, start, length), way)
    words = f"write {length} bytes over {request.target} ({target.info.format}) from byte {place} on"
    steps = [DiskStep("write-data", words, str(request.target), size=length, start=place)]
    if way is Way.DIRECTLY:
        steps.append(DiskStep("consequence", "directly: if it is cut, the target is written in part"))
    if request.write:
        beside = target.top.host_path
        with whole_sectors(disk, start, place, length, target=target, beside=beside) as piece:

            def copy(node: Node) -> None:
                how = Conversion(target.info.format)
                convert_node(piece.node, part_of(node, piece.place, piece.length), how, progress=progress)

            _write(target, copy, way)
    return _report(
        (disk, target), request, target.info.format, start, place, length, tuple(steps), written=request.write
    )


def _refuse(disk: Disk, target: Disk, force: bool) -> None:
    """Make sure that a target may be written over."""
    path, format = target.top.host_path, target.top.format
    if path.samefile(disk.top.host_path):
        raise UsageError("source and target are one file")
    if any(path.samefile(layer.host_path) for layer in disk.info.chain):
        raise UsageError(
            f"{path} is a backing file of the source", hint="imgtools commit writes changes into it"
        )
    kind = dict(target.info.details).get("create-type", "")
    if format in READ_ONLY or kind == "streamOptimized":
        raise UnsupportedFormat(
            f"{path}: QEMU cannot write into a {kind or format} image",
            hint="imgtools convert makes one of another format",
        )
    others = overlays_of(path)
    if others and not force:
        raise WouldLoseData(
            f"{others[0]} stands on {path} and would no longer fit", hint="--force if it is not needed"
        )
    for file in (path, *target.top.extents):
        require_access(file)


def _require_room(target: Path, wanted: int, way: Way) -> None:
    """Make sure that the host has room for the change: beside the target until it is complete, or in it.

    :raises NoRoom: it has not.
    """
    if way is Way.DIRECTLY:
        if not is_block_device(target):
            require_room(target.resolve().parent, wanted, "the change")
        return
    if way is Way.COPY:
        wanted += target.stat().st_blocks * 512
    folder = sidecar_of(target).folder
    free = free_room(folder if folder.is_dir() else folder.parent)
    if free < wanted:
        raise NoRoom(
            f"the change needs {wanted} bytes in {folder} until it is complete, and {free} are free",
            hint="make room; --directly needs none, and leaves half of it if it is cut",
        )


def _way(target: Disk, directly: bool) -> Way:
    """Choose how a target is written over: all or nothing where that can be."""
    top = target.top
    if directly or top.extents:
        return Way.DIRECTLY
    if len(target.info.chain) > 1:
        return Way.OVERLAY if top.format == "qcow2" and not top.encryption else Way.DIRECTLY
    if top.format in ("raw", "qcow2", "luks"):
        return Way.BYTES
    # The others take new blocks at the end of their file, which lies elsewhere as long as an overlay is on it.
    found = top.host_path.stat()
    return Way.COPY if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 else Way.DIRECTLY


def _write(target: Disk, copy: Callable[[Node], None], way: Way) -> None:
    """Write over an image; unless directly, a cut, or no room, leaves it as it was."""
    top = target.top
    with lock_images([top.host_path]) as locks:
        if way is Way.BYTES:
            change_and_check(target, copy, locks)
        elif way is Way.COPY:
            _write_copy(target, copy)
        elif way is Way.OVERLAY:
            transaction = Transaction([target.info], locks)
            try:
                transaction.begin()
                copy(Disk(transaction.overlaid[0], target.keys).node("target"))
                transaction.commit()
            finally:
                transaction.discard()
        else:
            copy(target.node("target"))
            for path in (top.host_path, *top.extents):
                sync_file(path)


def _write_copy(target: Disk, copy: Callable[[Node], None]) -> None:
    """Write over a copy of an image's file, which takes its place when it is complete."""
    top = target.top
    found = top.host_path.stat()
    with new_file(top.host_path, overwrite=True) as draft:
        copy_bytes(top.host_path, draft.host_path, Conversion("raw"))
        os.truncate(draft.host_path, found.st_size)  # qemu-img copies whole sectors
        copy(plain_node(draft.host_path, top.format))
        draft.host_path.chmod(stat.S_IMODE(found.st_mode))
        with suppress(PermissionError):  # not ours, and we may write it: it becomes ours
            os.chown(draft.host_path, found.st_uid, found.st_gid)


def _report(
    disks: tuple[Disk, ...],
    request: DdRequest,
    format: str,
    start: int,
    place: int,
    length: int,
    steps: tuple[DiskStep, ...],
    *,
    written: bool,
) -> DdReport:
    return DdReport(
        image=str(disks[0].host_path),
        target=str(request.target),
        format=format,
        from_offset=start,
        to_offset=place,
        length=length,
        written=written,
        changed=True,
        changes=steps,
        warnings=(*disks[0].info.warnings, *key_warnings(*disks)),
    )
