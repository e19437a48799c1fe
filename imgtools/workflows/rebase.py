"""Give an overlay another backing file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.disk.backing import examine
from imgtools.disk.backing_name import find_named
from imgtools.disk.chain import (
    SAMPLES,
    below,
    first_difference,
    holdings,
    layer_depth,
    link,
    rebase_onto,
    sample_offsets,
)
from imgtools.disk.formats import require_ability
from imgtools.disk.image_file import Disk, key_warnings, open_disk
from imgtools.disk.in_use import refuse_in_use
from imgtools.disk.new_file import require_room
from imgtools.disk.transaction.lock import lock_images
from imgtools.disk.transaction.may_edit import require_access
from imgtools.errors import BadImage, UnknownBackingFormat, UsageError, WouldLoseData
from imgtools.records.image import DiskSource, ImageInfo
from imgtools.records.request import ImageRequest
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.workflows.create import recorded_name

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class RebaseRequest:
    """What is to stand on what. ``onto`` None: on nothing."""

    source: ImageRequest
    onto: Path | None
    onto_format: str | None = None
    unsafe: bool = False
    force: bool = False  # unsafe although a sample differs
    write: bool = False


@dataclass(frozen=True, slots=True)
class RebaseReport:
    """The new link, or what it would be."""

    image: str
    backing: str  # as it is recorded; "": none
    backing_format: str
    unsafe: bool
    believed: tuple[str, ...]  # what an unsafe rebase takes for true
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    warnings: tuple[Warned, ...] = ()


def rebase(request: RebaseRequest, progress: Progress | None = None) -> RebaseReport:
    """Plan another backing file for an image, or give it to it.

    :raises WouldLoseData: unsafe, and a look at both bases shows that they differ.
    :raises BadImage: the new base is missing, damaged, of another format, or stands on the image itself.
    """
    named: tuple[Warned, ...] = ()
    if request.onto is not None:
        found, named = find_named(request.onto, request.source.host_path)
        request = replace(request, onto=found)
    if request.onto is not None and request.onto_format is None:
        looks = examine(DiskSource(request.onto), policy=request.source.backing).format
        raise UsageError(
            "--backing-file needs --backing-format: guessing it later would let a guest choose",
            hint=f"it looks like {looks}: --backing-format {looks}",
        )
    base = _base(request)
    report = _unsafe(request, base) if request.unsafe else _safe(request, base, progress)
    return replace(report, warnings=(*named, *report.warnings))


def _base(request: RebaseRequest) -> ImageInfo | None:
    if request.onto is None:
        return None
    return examine(DiskSource(request.onto, request.onto_format), policy=request.source.backing)


def _recorded(disk: Disk, base: ImageInfo | None) -> tuple[str, str] | None:
    """Return name and format as they will be recorded.

    :raises BadImage: the new chain would be a loop.
    """
    if base is None:
        return None
    if any(layer.host_path.samefile(disk.top.host_path) for layer in base.chain):
        raise BadImage(f"{base.source.host_path} stands on {disk.name} itself: the chain would be a loop")
    return recorded_name(disk.top.host_path, base), base.format


def _safe(request: RebaseRequest, base: ImageInfo | None, progress: Progress | None) -> RebaseReport:
    disk = open_disk(request.source, to_write=True)
    require_ability(disk.info.format, "a changed backing file", disk.name)
    if len(disk.info.chain) < 2 and base is None:
        return _report(request, disk, None, (), (), _told(disk, None))
    recorded = _recorded(disk, base)
    require_access(disk.top.host_path)
    held = sum(holdings(disk)[1:])
    target = f"{recorded[0]} ({recorded[1]})" if recorded else "no backing file"
    path = disk.name
    words = f"copy into {path} what it needs to read the same: at most {held} bytes"
    steps = (
        DiskStep("copy-data", words, path, size=held),
        _recording(path, f"then record {target} instead of {_now(disk)}", recorded),
    )
    if request.write:
        needed = _needed(disk, base)
        require_room(disk.top.host_path.absolute().parent, needed, f"rebasing {disk.name}")
        with lock_images([disk.top.host_path]) as locks:
            rebase_onto(disk, base, recorded, locks, progress=progress)
    return _report(request, disk, recorded, (), steps, _told(disk, base))


def _recording(path: str, words: str, recorded: tuple[str, str] | None) -> DiskStep:
    name, format = recorded or ("", "")
    return DiskStep("record-backing", words, path, format, target=name)


def _needed(disk: Disk, base: ImageInfo | None) -> int:
    """Return how many bytes are copied for certain: what lies between the image and a base of its own chain."""
    if base is None:
        return sum(holdings(disk)[1:])
    depth = layer_depth(disk, base.source.host_path)
    return sum(holdings(disk)[1:depth]) if depth else 0


def _now(disk: Disk) -> str:
    return str(disk.info.chain[1].host_path) if len(disk.info.chain) > 1 else "no backing file"


def _unsafe(request: RebaseRequest, base: ImageInfo | None) -> RebaseReport:
    """Only write the new name, after a look at what that takes for true."""
    disk = open_disk(request.source, to_write=True, alone=True)
    require_ability(disk.info.format, "a changed backing file", disk.name)
    recorded = _recorded(disk, base)
    believed = [f"{base.source.host_path if base else 'no backing file'} reads as the old backing file does"]
    warnings: list[Warned] = []
    problem = ""
    if base is not None and base.virtual_size < disk.info.virtual_size:
        text = f"the new base has {base.virtual_size} bytes, the image {disk.info.virtual_size}: beyond are zeros"
        warnings.append(Warned(text, disk.name))
    old = _old_base(request, warnings)
    if old is not None:
        problem = _look_at_both(old, base, believed, disk.info.virtual_size)
    if problem and not request.force:
        raise WouldLoseData(f"{problem}: {disk.name} would be corrupted", hint="leave --unsafe away")
    target = f"{recorded[0]} ({recorded[1]})" if recorded else "no backing file"
    path = disk.name
    steps = (_recording(path, f"record {target} in {path}; no data is copied", recorded),)
    if request.write:
        refuse_in_use(disk.top.host_path)
        link(disk, recorded)
    told = (*_told(disk, base, old), *warnings)
    return _report(request, disk, recorded, tuple(believed), steps, told)


def _told(disk: Disk, base: ImageInfo | None, old: Disk | None = None) -> tuple[Warned, ...]:
    """What one should know of the image; a key may be for the new base or for the old one, too."""
    disks = [disk, *([Disk(base, disk.keys)] if base else ()), *([old] if old else ())]
    return (*disk.info.warnings, *key_warnings(*disks))


def _old_base(request: RebaseRequest, warnings: list[Warned]) -> Disk | None:
    """Return the backing file that the image has now, if it can be opened."""
    try:
        disk = open_disk(request.source)
    except (BadImage, UnknownBackingFormat) as error:
        warnings.append(Warned(f"the old backing file cannot be compared: {error.message}"))
        return None
    return below(disk, 1) if len(disk.info.chain) > 1 else None


def _look_at_both(old: Disk, base: ImageInfo | None, believed: list[str], size: int) -> str:
    """Compare sizes of the old base and the new one, and samples of what an image of ``size`` bytes can see of them.

    :returns: what is wrong.
    """
    if base is None:
        held = sum(holdings(old))
        return f"the old backing file holds {held} bytes of data" if held else ""
    if base.virtual_size != old.info.virtual_size:
        believed.append(f"their sizes differ ({old.info.virtual_size} and {base.virtual_size} bytes)")
    offsets = {*sample_offsets(old, size), *sample_offsets(Disk(base, old.keys), size)}
    offset = first_difference(old.info, base, old.keys, sorted(offsets), size)
    if offset is not None:
        return f"the bases differ, for instance at byte {offset}"
    believed.append(f"a sample of at least {SAMPLES} places is the same; the rest was not read")
    return ""


def _report(
    request: RebaseRequest,
    disk: Disk,
    recorded: tuple[str, str] | None,
    believed: tuple[str, ...],
    steps: tuple[DiskStep, ...],
    warnings: tuple[Warned, ...],
) -> RebaseReport:
    return RebaseReport(
        image=disk.name,
        backing=recorded[0] if recorded else "",
        backing_format=recorded[1] if recorded else "",
        unsafe=request.unsafe,
        believed=believed,
        written=request.write and bool(steps),
        changed=bool(steps),
        changes=(*(DiskStep("belief", f"believed: {one}") for one in believed), *steps),
        warnings=warnings,
    )
