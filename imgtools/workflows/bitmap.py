"""Persistent dirty bitmaps of qcow2 images, which incremental backups live on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgtools.disk.backing import examine
from imgtools.disk.formats import require_ability
from imgtools.disk.image_file import Disk, Node, bitmap_image, open_disk
from imgtools.disk.table_edit import change_and_check, rehearse
from imgtools.errors import UnsupportedFormat, UsageError
from imgtools.records.image import DiskSource, Layer
from imgtools.records.request import ImageRequest
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.units import parse_size

LONGEST = 1023  # bytes of a name (BME_MAX_NAME_SIZE in block/qcow2-bitmap.c)


@dataclass(frozen=True, slots=True)
class Bitmap:
    """One persistent bitmap. ``flags``: auto (it records), in-use (it was not closed cleanly, and is worth nothing)."""

    name: str
    granularity: int
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BitmapsReport:
    """The persistent bitmaps of an image."""

    image: str
    bitmaps: tuple[Bitmap, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class BitmapReport:
    """What was done with a bitmap, or would be."""

    image: str
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    changed_bytes: int  # of the file
    warnings: tuple[Warned, ...] = ()


def list_bitmaps(request: ImageRequest) -> BitmapsReport:
    """List the persistent bitmaps of an image."""
    disk = open_disk(request, alone=True)
    return BitmapsReport(disk.name, bitmaps_of(disk), disk.warnings)


def bitmaps_of(disk: Disk) -> tuple[Bitmap, ...]:
    """Return the bitmaps that QEMU tells of among the details of an image."""
    details = dict(disk.info.details)
    found: list[Bitmap] = []
    while (name := details.get(f"bitmaps.{len(found)}.name")) is not None:
        start = f"bitmaps.{len(found)}."
        flags = tuple(value for key, value in details.items() if key.startswith(f"{start}flags."))
        found.append(Bitmap(name, int(details.get(f"{start}granularity", "0")), flags))
    return tuple(found)


def add_bitmap(
    request: ImageRequest, name: str, *, granularity: str = "", disabled: bool = False, write: bool = False
) -> BitmapReport:
    """Begin to record what is written; a disabled bitmap does not record yet.

    :raises UsageError: the name is taken, or cannot be one.
    :raises UnsupportedFormat: the image is of qcow2's old version.
    """
    disk = _open(request)
    if dict(disk.info.details).get("compat") == "0.10":
        raise UnsupportedFormat(
            f"{disk.name} is of qcow2's old version (compat 0.10), which has no bitmaps",
            hint=f"imgtools amend -o compat=1.1 --write {disk.name}",
        )
    if not 0 < len(name.encode()) <= LONGEST:
        raise UsageError(f"a bitmap's name has 1 to {LONGEST} bytes, not {len(name.encode())}")
    if any(one.name == name for one in bitmaps_of(disk)):
        raise UsageError(f"there is a bitmap {name!r} already", hint="choose another name")
    grain = parse_size(granularity) if granularity else None
    if grain is not None and (grain & (grain - 1) or not 512 <= grain <= 1 << 31):
        raise UsageError(f"not a granularity: {granularity}", hint="a power of two from 512 to 2G")
    words = f"add the bitmap {name!r}" + (", which does not record yet" if disabled else "")
    step = DiskStep("add-bitmap", words, disk.name, name)
    actions = ["--add", *(["--disable"] if disabled else [])]
    return _change(disk, step, actions, write, granularity=grain)


def change_bitmap(request: ImageRequest, name: str, action: str, *, write: bool = False) -> BitmapReport:
    """Do ``remove``, ``clear``, ``enable`` or ``disable``."""
    disk = _open(request)
    _require(disk, name)
    sentence = {
        "remove": f"remove the bitmap {name!r}",
        "clear": f"forget what the bitmap {name!r} recorded",
        "enable": f"let the bitmap {name!r} record",
        "disable": f"stop the bitmap {name!r} recording",
    }[action]
    step = DiskStep(f"{action}-bitmap", sentence, disk.name, name)
    return _change(disk, step, [f"--{action}"], write)


def merge_bitmap(
    request: ImageRequest, source: str, name: str, *, other: DiskSource | None = None, write: bool = False
) -> BitmapReport:
    """Add to ``name`` what the bitmap ``source`` recorded, of this image or of another one.

    :raises UsageError: one of them is not there, or the disks differ in size.
    """
    disk = _open(request)
    _require(disk, name)
    chain: tuple[Layer, ...] = ()
    if other is None:
        _require(disk, source)
    else:
        info = examine(other, policy=request.backing)
        _require(Disk(info), source)
        if info.chain[0].encryption:
            raise UnsupportedFormat(
                f"{other.host_path} is encrypted, and qemu-img bitmap opens no such source",
                hint="merge into the encrypted image, or copy its bitmaps with imgtools convert --bitmaps",
            )
        if info.virtual_size != disk.info.virtual_size:
            raise UsageError(f"the disks have {info.virtual_size} and {disk.info.virtual_size} bytes")
        chain = info.chain
    where = f" of {other.host_path}" if other else ""
    words = f"add to the bitmap {name!r} what {source!r}{where} recorded"
    step = DiskStep("merge-bitmap", words, disk.name, name)
    return _change(disk, step, ["--merge", source], write, source=chain)


def _open(request: ImageRequest) -> Disk:
    disk = open_disk(request, to_write=True, alone=True)
    require_ability(disk.info.format, "bitmaps", disk.name)
    return disk


def _require(disk: Disk, name: str) -> None:
    known = [one.name for one in bitmaps_of(disk)]
    if name not in known:
        raise UsageError(f"{disk.name} has no bitmap {name!r}", hint=f"it has: {', '.join(known) or 'none'}")


def _change(
    disk: Disk,
    step: DiskStep,
    actions: Sequence[str],
    write: bool,
    *,
    granularity: int | None = None,
    source: Sequence[Layer] = (),
) -> BitmapReport:
    def change(node: Node) -> None:
        bitmap_image(node, step.name, actions, granularity=granularity, source=source)

    changed = 0
    if write:
        changed = change_and_check(disk, change)
    else:
        rehearse(disk, change)
    return BitmapReport(disk.name, write, True, (step,), changed, disk.warnings)
