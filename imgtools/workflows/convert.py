"""Copy a disk image into another format."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from imgtools.disk.backing import examine
from imgtools.disk.backing_name import find_named
from imgtools.disk.chain import below, first_difference, sample_offsets
from imgtools.disk.formats import format_by_name, require_ability
from imgtools.disk.image_file import (
    Conversion,
    Disk,
    Keyring,
    compare_nodes,
    files_of,
    open_disk,
    part_of,
    plain_node,
    relink_node,
    require_walk,
)
from imgtools.disk.in_use import refuse_in_use
from imgtools.disk.new_file import (
    allocate_files,
    has_room,
    new_file,
    refuse_own_files,
    refuse_target,
    require_room,
    writing_early,
)
from imgtools.disk.raw_copy.room_ahead import Range, expected_ranges, room_ahead
from imgtools.disk.sources.opening import opened_disk
from imgtools.errors import HostError, RolledBack, TargetExists, UsageError
from imgtools.records.free_room import FreePlaces, Wish
from imgtools.records.image import DiskSource, ImageInfo
from imgtools.records.request import Backing, ImageRequest, Key, Secret
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.units import parse_size
from imgtools.workflows.create import image_options, recorded_name
from imgtools.workflows.free_room import Seen, refuse_together, without_free_room

Progress = Callable[[int, int], None]
FEW_JOBS, MOST_JOBS = 4, 16  # qemu-img takes at most 16


@dataclass(frozen=True, slots=True)
class ConvertRequest:
    """What is to be converted into what."""

    source: ImageRequest
    target: Path
    format: str | None = None
    options: Sequence[str] = ()
    compress: str = ""  # "", "zlib", "zstd"
    sparse: str = ""  # bytes of zeros that become a hole, as people write it; "off": none
    jobs: int | None = None  # requests in flight, at most 16
    preallocation: str = ""
    secret: Secret | None = field(default=None, repr=False)
    backing: Path | None = None
    backing_format: str | None = None
    bitmaps: bool = False
    salvage: bool = False
    rate: str = ""
    verify: bool = False
    overwrite: bool = False
    durable: bool = False
    without_free: Wish | FreePlaces | None = None  # leave out what nothing in the guest uses


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """The new image. ``seconds`` is the time for copying, without verification."""

    image: str
    target: str
    format: str
    virtual_size: int
    actual_size: int
    seconds: float
    verified: bool
    warnings: tuple[Warned, ...] = ()
    written: bool = True  # a new file is made at once
    changed: bool = True
    changes: tuple[DiskStep, ...] = ()


def convert(
    request: ConvertRequest, progress: Progress | None = None, checking: Progress | None = None
) -> ConvertReport:
    """Write what an image holds (or an internal snapshot of it) to a new file, or onto a block device.

    :raises UnsupportedFormat: the format cannot do what is asked.
    :raises TargetExists: the file is there already.
    :raises NoRoom: the result does not fit; no file is left.
    :raises RolledBack: the copy differs from the source; no file is left.
    """
    with opened_disk(request.source, digests=True) as source:
        return _convert(replace(request, source=source), progress, checking)


def _convert(request: ConvertRequest, progress: Progress | None, checking: Progress | None) -> ConvertReport:
    request, named = _with_backing_found(request)
    refuse_together(
        request.without_free, request.target, backing=request.backing is not None, bitmaps=request.bitmaps
    )
    disk = open_disk(request.source)
    require_walk(disk)
    refuse_own_files(_read(disk, request), request.target)
    if request.target.is_block_device():
        return _onto_device(disk, request, progress, checking)
    format = format_by_name(request.target, request.format)
    require_ability(format, "create")
    refuse_target(Path(os.path.realpath(request.target)), overwrite=request.overwrite)
    how = _conversion(disk, request, format)
    # A key may be one of a volume's, where those are looked into: then they have the word about it.
    known = disk.warnings if request.without_free is None else disk.info.warnings
    with without_free_room(disk, request.source, request.without_free) as seen:
        return _to_file(seen, request, how, [*named, *known, *seen.warnings], progress, checking)


def _to_file(
    seen: Seen,
    request: ConvertRequest,
    how: Conversion,
    warnings: list[Warned],
    progress: Progress | None,
    checking: Progress | None,
) -> ConvertReport:
    """Write a disk to the new file."""
    disk, format = seen.disk, how.format
    _require_room(disk, request, how)
    warnings += _doubts(disk, request)
    # What is replaced is lost: the new file must be safe before. Else the source is still there, as after cp.
    durable = request.durable or request.target.exists()
    with new_file(request.target, overwrite=request.overwrite, durable=durable, source=disk.info) as draft:
        with (
            room_ahead(draft.host_path, _ranges(disk, how, draft.host_path.parent)),
            writing_early(draft.host_path) if durable else nullcontext(),
        ):
            seconds, complaints = _copy(disk, draft.host_path, how, progress)
        if request.preallocation in ("falloc", "full"):
            allocate_files(draft)
        if request.backing is not None:
            _record_backing(request, draft.host_path, format)
        if request.verify:
            _verify(disk, draft.host_path, request, format, checking)
    warnings += [Warned(text) for text in complaints]
    made = examine(
        DiskSource(request.target, format),
        policy=Backing.ANY,
        ask_qemu=format != "qcow2",
        any_size=True,
    )
    if made.virtual_size != disk.info.virtual_size:
        warnings.append(
            Warned(f"the new disk has {made.virtual_size} bytes, the old one {disk.info.virtual_size}")
        )
    return ConvertReport(
        image=disk.name,
        target=str(request.target),
        format=format,
        virtual_size=made.virtual_size,
        actual_size=made.actual_size,
        seconds=seconds,
        verified=request.verify,
        warnings=tuple(warnings),
        changes=(_made(disk, request.target, format, made.virtual_size),),
    )


def _with_backing_found(request: ConvertRequest) -> tuple[ConvertRequest, tuple[Warned, ...]]:
    if request.backing is None:
        return request, ()
    found, warnings = find_named(request.backing, request.target)
    return replace(request, backing=found), warnings


def _read(disk: Disk, request: ConvertRequest) -> list[ImageInfo]:
    """What must stay: the source, and what the new image is to stand on."""
    return [disk.info] if request.backing is None else [disk.info, _backing_info(request)]


def _made(disk: Disk, target: Path, format: str, size: int) -> DiskStep:
    words = f"make {target} ({format}) of {size} bytes from {disk.name}"
    return DiskStep("make-image", words, str(target), format, size=size)


def _copy(
    disk: Disk, target: Path, how: Conversion, progress: Progress | None
) -> tuple[float, tuple[str, ...]]:
    began = time.monotonic()
    complaints = disk.convert(target, how, progress=progress)
    return round(time.monotonic() - began, 3), complaints


def _ranges(disk: Disk, how: Conversion, folder: Path) -> Sequence[Range]:
    """Return what room may be taken first: where the new image's size is known, and all of it would fit."""
    unknown = how.compressed or how.backing or how.secrets or how.sparse is not None or disk.snapshot
    asked = "preallocation" in dict(how.options)
    if unknown or asked or not has_room(folder, disk.info.virtual_size * 51 // 50):
        return ()
    return expected_ranges(disk, how.format)


def _conversion(disk: Disk, request: ConvertRequest, format: str) -> Conversion:
    """Turn what people ask for into what qemu-img is told.

    :raises UsageError: the words do not fit together.
    """
    texts = list(request.options)
    if request.compress:
        require_ability(format, "compress")
        texts += _compression(format, request.compress)
    options = image_options(format, texts, request.preallocation, request.secret)
    if request.bitmaps:
        require_ability(format, "bitmaps")
    compressed = bool(request.compress) or ("subformat", "streamOptimized") in options
    return Conversion(
        format=format,
        options=options,
        secrets=(("new", request.secret),) if request.secret is not None else (),
        compressed=compressed,
        jobs=request.jobs or _usual_jobs(compressed=compressed),
        sparse=_sparse(request.sparse),
        snapshot=disk.snapshot,
        backing=_target_backing(disk, request, format),
        backing_files=files_of(_backing_info(request).chain) if request.backing is not None else (),
        bitmaps=request.bitmaps,
        salvage=request.salvage,
        rate=parse_size(request.rate) if request.rate else 0,
    )


def _usual_jobs(*, compressed: bool) -> int:
    """How many requests are in flight; compressing, each has a processor to itself.

    More than a few only wait for the one file that they write to: with 16, a plain copy takes a third longer than
    with 4 (docs/decisions/copies-do-not-wait.md).
    """
    return min(MOST_JOBS, max(FEW_JOBS, os.cpu_count() or 1)) if compressed else FEW_JOBS


def _compression(format: str, kind: str) -> list[str]:
    if format == "qcow2":
        return [f"compression_type={kind}"]
    if kind != "zlib":
        raise UsageError(f"the format {format} compresses with zlib only")
    return ["subformat=streamOptimized"] if format == "vmdk" else []


def _sparse(text: str) -> int | None:
    if not text:
        return None
    size = 0 if text == "off" else parse_size(text)
    if size % 512:
        raise UsageError(f"not a multiple of 512: --sparse {text}")
    return size


def _target_backing(disk: Disk, request: ConvertRequest, format: str) -> tuple[str, str] | None:
    if request.backing is None:
        return None
    require_ability(format, "backing files")
    if request.backing_format is None:
        raise UsageError("--backing-file needs --backing-format")
    info = _backing_info(request)
    if len(disk.info.chain) < 2:
        raise UsageError(
            f"{disk.name} is no overlay, so the new image cannot be one either",
            hint="--backing-file keeps the base of an overlay; imgtools rebase puts an image on a base",
        )
    return str(request.backing.absolute()), info.format


def _backing_info(request: ConvertRequest) -> ImageInfo:
    assert request.backing is not None
    return examine(DiskSource(request.backing, request.backing_format), policy=request.source.backing)


def _doubts(disk: Disk, request: ConvertRequest) -> Iterator[Warned]:
    """Say where the new backing file is not what the source stands on: only what lies above that is copied."""
    if request.backing is None:
        return
    old, new = below(disk, 1), Disk(_backing_info(request), disk.keys)
    if old.top.host_path.samefile(new.top.host_path):
        return
    sizes = (old.info.virtual_size, new.info.virtual_size)
    if sizes[0] != sizes[1]:
        text = f"the new backing file has {sizes[1]} bytes, the one of {disk.name} has {sizes[0]}"
        yield Warned(text, str(request.backing))
    size = disk.info.virtual_size
    offsets = sorted({*sample_offsets(old, size), *sample_offsets(new, size)})
    if (offset := first_difference(old.info, new.info, disk.keys, offsets, size)) is not None:
        text = (
            f"the new backing file differs from the one of {disk.name}, for instance at byte {offset}: where "
            "the image itself holds nothing, the new one reads otherwise"
        )
        yield Warned(text, str(request.backing))


def _record_backing(request: ConvertRequest, made: Path, format: str) -> None:
    """Record the backing file relative to where the image will be; while it was made, it had to be absolute."""
    info = _backing_info(request)
    relink_node(plain_node(made, format), (recorded_name(request.target, info), info.format))


def _require_room(disk: Disk, request: ConvertRequest, how: Conversion) -> None:
    """Compare what the result needs with the room on the host.

    How small compression makes it nobody knows before, so it is only stopped by the room itself.
    """
    folder = Path(os.path.realpath(request.target)).parent
    # Tables take less than a fiftieth of the disk: where all of it fits, nothing need be measured.
    if how.compressed or how.backing or has_room(folder, disk.info.virtual_size * 51 // 50):
        return
    if how.format == "luks" or request.preallocation in ("falloc", "full") or how.sparse == 0:
        wanted = disk.info.virtual_size
    elif how.format == "qcow2":
        kept = [pair for pair in how.options if "secret" not in pair[0] and not pair[0].startswith("encrypt")]
        wanted = disk.measure("qcow2", kept).required
    else:  # about the same: each format has holes
        wanted = disk.measure("qcow2").required
    require_room(folder, wanted, f"{request.target}")


def _verify(disk: Disk, made: Path, request: ConvertRequest, format: str, checking: Progress | None) -> None:
    """Read both again and compare.

    :raises RolledBack: they differ.
    """
    keys = (Key("all", request.secret),) if request.secret is not None else ()
    if request.backing is not None:
        raise UsageError("--verify does not go with --backing-file", hint="use imgtools compare afterwards")
    copy = Disk(examine(DiskSource(made, format), policy=Backing.SAME_DIR, any_size=True), Keyring(keys))
    found = disk.compare(copy, progress=checking)
    if not found.identical:
        where = f" at byte {found.offset}" if found.offset is not None else ""
        raise RolledBack(
            f"the copy of {disk.name} differs{where}; it was thrown away",
            hint="the host's memory or disk may be failing, or the image was written to meanwhile",
        )


def _onto_device(
    disk: Disk, request: ConvertRequest, progress: Progress | None, checking: Progress | None
) -> ConvertReport:
    """Write the disk's bytes over a block device of the host."""
    target, size = request.target, disk.info.virtual_size
    if request.format not in (None, "raw") or request.options or request.compress or request.secret:
        raise UsageError("onto a block device goes a raw image only", hint="leave format and options away")
    if not request.overwrite:
        raise TargetExists(f"{target} is a block device: all that is on it would be lost", hint="--overwrite")
    refuse_in_use(target)
    node = plain_node(target, "raw")
    with target.open("rb") as stream:
        room = stream.seek(0, os.SEEK_END)
    if room < size:
        raise HostError(f"{target} has {room} bytes, the disk {size}")
    part = part_of(node, 0, size)
    began = time.monotonic()
    jobs = request.jobs or FEW_JOBS
    how = Conversion("raw", jobs=jobs, snapshot=disk.snapshot, cache="none", salvage=request.salvage)
    complaints = disk.convert(part, how, progress=progress)
    seconds = round(time.monotonic() - began, 3)
    if request.verify:
        with disk.reading() as source:
            found = compare_nodes(source, part, progress=checking)
        if not found.identical:
            raise RolledBack(
                f"the copy on {target} differs at byte {found.offset}", hint="the device may be failing"
            )
    warnings = (*disk.warnings, *(Warned(text) for text in complaints))
    written = DiskStep("write-data", f"write {size} bytes over {target}", str(target), size=size)
    return ConvertReport(
        image=disk.name,
        target=str(target),
        format="raw",
        virtual_size=size,
        actual_size=size,
        seconds=seconds,
        verified=request.verify,
        warnings=warnings,
        changes=(written,),
    )
