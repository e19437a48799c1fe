"""Give the host back what nothing in a guest uses: in place, or by a new image without it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.disk.giving_back import (
    Stamp,
    give_back,
    refuse_in_place,
    size_on_host,
    stamp,
    stored_of,
)
from imgtools.disk.image_file import Disk, open_disk
from imgtools.disk.in_use import refuse_in_use
from imgtools.disk.sources.opening import opened_disk, refuse_sources
from imgtools.disk.transaction.lock import lock_images
from imgtools.disk.transaction.may_edit import refuse_running_domain, require_writable
from imgtools.records.free_room import FreePlaces, Wish
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.units import format_size
from imgtools.workflows.convert import ConvertRequest, convert
from imgtools.workflows.free_room import look_for_free_room


@dataclass(frozen=True, slots=True)
class SparsifyRequest:
    """What is to become of which disk."""

    source: ImageRequest
    wish: Wish
    write: bool = False
    output: Path | None = None
    format: str | None = None
    compress: str = ""  # "", "zlib", "zstd"
    overwrite: bool = False
    options: Sequence[str] = ()  # of the new image's format: NAME=VALUE


@dataclass(frozen=True, slots=True)
class FreeVolume:
    """What is free in one place, in bytes; ``given_back`` is what of it the image stores."""

    device: str
    content: str
    size: int
    free: int
    given_back: int


@dataclass(frozen=True, slots=True)
class LeftVolume:
    """What is left as it is, and why."""

    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class SparsifyReport:
    """What is free, and what the host gets back. Sizes are bytes; those of images are what they take on the host."""

    image: str
    format: str  # of the image, or of the new one
    virtual_size: int
    volumes: tuple[FreeVolume, ...]
    left: tuple[LeftVolume, ...]
    free: int
    given_back: int  # by the plan: what of the free room the image stores
    size_before: int
    size_after: int  # what it was before, where nothing was written
    written: bool
    changed: bool
    changes: tuple[DiskStep, ...]
    output: str = ""
    seconds: float = 0.0
    warnings: tuple[Warned, ...] = ()


def sparsify(request: SparsifyRequest, progress: Progress | None = None) -> SparsifyReport:
    """Say what is free on a disk, and with ``write`` or ``output`` give it back.

    :raises UsageError: a device is none, or the words do not fit together.
    :raises UnsupportedFormat: the image cannot give room back where it is.
    :raises WouldLoseData: other images stand on it.
    :raises ImageInUse: another program has it.
    :raises EditFailed: a filesystem is not clean, or two readers do not agree on what is free in it.
    """
    if request.output is not None:
        return _into_new(request, request.output, progress)
    refuse_sources(request.source.disks)
    with ExitStack() as stack:
        disk = open_disk(request.source)
        refuse_in_place(disk.info)
        require_writable([disk.info])
        if request.write:
            stack.enter_context(lock_images([disk.top.host_path]))
            refuse_in_use(disk.top.host_path)
            refuse_running_domain(disk.top.host_path)
        before = stamp(disk.top.host_path)
        found, warnings = look_for_free_room(request.source, request.wish)
        return _in_place(request, disk, found, before, warnings, progress)


def _in_place(
    request: SparsifyRequest,
    disk: Disk,
    found: FreePlaces,
    before: Stamp,
    warnings: Sequence[Warned],
    progress: Progress | None,
) -> SparsifyReport:
    size = size_on_host(disk.top.host_path)
    stored = stored_of(disk, found.free, in_place=True)
    report = _report(request, disk, found, stored, [*disk.info.warnings, *warnings])
    if not request.write or not report.changed:
        return replace(report, size_before=size, size_after=size)
    began = time.monotonic()
    give_back(disk, found.free, stored, before, progress)
    seconds = round(time.monotonic() - began, 3)
    after = size_on_host(disk.top.host_path)
    return replace(report, size_before=size, size_after=after, written=True, seconds=seconds)


def _into_new(request: SparsifyRequest, output: Path, progress: Progress | None) -> SparsifyReport:
    """Make a new image of all but what is free, in one pass."""
    with opened_disk(request.source) as source:
        disk = open_disk(source)
        found, warnings = look_for_free_room(source, request.wish)
        stored = stored_of(disk, found.free, in_place=False)
        size = sum(layer.actual_size for layer in disk.info.chain)
        if not request.write:
            report = _report(request, disk, found, stored, [*disk.info.warnings, *warnings])
            return replace(report, size_before=size, size_after=size)
        wanted = ConvertRequest(
            source=source,
            target=output,
            format=request.format,
            options=request.options,
            compress=request.compress,
            overwrite=request.overwrite,
            without_free=found,
        )
        made = convert(wanted, progress)
        report = _report(request, disk, found, stored, [*made.warnings, *warnings])
        return replace(
            report,
            format=made.format,
            size_before=size,
            size_after=made.actual_size,
            written=True,
            seconds=made.seconds,
        )


def _report(
    request: SparsifyRequest,
    disk: Disk,
    found: FreePlaces,
    stored: Sequence[Sequence[tuple[int, int]]],
    warnings: Sequence[Warned],
) -> SparsifyReport:
    volumes = tuple(
        FreeVolume(one.device, one.content, one.size, one.bytes, sum(end - start for start, end in held))
        for one, held in zip(found.free, stored, strict=True)
    )
    steps = tuple(_steps(request, disk, found, volumes))
    return SparsifyReport(
        image=disk.name,
        format=disk.info.format,
        virtual_size=disk.info.virtual_size,
        volumes=volumes,
        left=tuple(LeftVolume(one.what, one.reason) for one in found.left),
        free=sum(one.free for one in volumes),
        given_back=sum(one.given_back for one in volumes),
        size_before=0,
        size_after=0,
        written=False,
        changed=bool(steps),
        changes=steps,
        output=str(request.output or ""),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _steps(
    request: SparsifyRequest, disk: Disk, found: FreePlaces, volumes: Sequence[FreeVolume]
) -> Iterator[DiskStep]:
    if request.output is not None:
        words = f"make {request.output} of {disk.name}, without what nothing in it uses"
        yield DiskStep("make-image", words, str(request.output), size=disk.info.virtual_size)
    for free, one in zip(found.free, volumes, strict=True):
        name = one.content or "unknown content"
        if free.zero:
            words = f"empty {one.device} ({name}): it reads as zeros afterwards"
            yield DiskStep("empty-volume", words, one.device, one.content, size=one.size)
        elif one.given_back:
            verb = "leave out" if request.output is not None else "give back"
            words = f"{verb} {_size(one.given_back)} of {_size(one.free)} free: {name} on {one.device}"
            yield DiskStep("give-back", words, one.device, one.content, size=one.given_back)


def _size(size: int) -> str:
    return format_size(size)
