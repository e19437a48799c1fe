"""Write what an overlay holds into its backing file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imgtools.disk.chain import commit_down, empty_overlay, holdings, layer_depth, refuse_shorter
from imgtools.disk.formats import ABILITIES
from imgtools.disk.image_file import Disk, open_disk
from imgtools.disk.in_use import refuse_in_use
from imgtools.disk.new_file import require_room
from imgtools.disk.overlays_beside import overlays_of
from imgtools.disk.transaction.lock import lock_images
from imgtools.disk.transaction.may_edit import require_access
from imgtools.errors import UnsupportedFormat, UsageError, WouldLoseData
from imgtools.records.image import Layer
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.units import parse_size

CAN_GROW = frozenset({"raw", "qcow2", "qed"})  # formats whose size QEMU changes


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """What is to be committed."""

    source: ImageRequest
    base: Path | None = None  # None: the next layer
    empty: bool = False
    remove: bool = False
    rate: str = ""
    force: bool = False  # although other images stand on the base
    write: bool = False


@dataclass(frozen=True, slots=True)
class CommitReport:
    """What was committed, or would be."""

    image: str
    base: str
    data_bytes: int  # that the layers above the base hold
    spoiled: tuple[str, ...]  # other images that stand on the base
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    warnings: tuple[Warned, ...] = ()


def commit(request: CommitRequest, progress: Progress | None = None) -> CommitReport:
    """Plan a commit, or carry it out. Cut short, it can be run again: the overlay keeps everything until the end.

    :raises WouldLoseData: other images stand on the base, and would read something else afterwards.
    :raises ImageInUse: a QEMU program has one of the files.
    """
    disk = open_disk(request.source, to_write=True)
    depth = _base_depth(disk, request.base)
    if request.empty and depth > 1:
        raise UsageError("--empty goes with the next layer only", hint="--delete, or commit step by step")
    if request.empty and request.remove:
        raise UsageError("--empty and --delete exclude each other")
    rate = parse_size(request.rate) if request.rate else 0
    base, above = disk.info.chain[depth], disk.info.chain[:depth]
    require_committable(base, disk.info.virtual_size)
    refuse_shorter((*above, base))
    for layer in (base, *above):
        refuse_in_use(layer.host_path)
    require_access(base.host_path)
    data = sum(holdings(disk)[:depth])
    changed = (base, *above) if request.remove else (base,)
    known = [layer.host_path for layer in above]
    spoiled = tuple(path for layer in changed for path in overlays_of(layer.host_path, besides=known))
    steps = _steps(disk, request, base, above, data)
    if spoiled and not request.force:
        raise WouldLoseData(
            f"{len(spoiled)} other images stand on files that change, and would be destroyed, such as {spoiled[0]}",
            hint="give them a base of their own first (imgtools chain flatten); --force if they are not needed",
        )
    if request.write:
        require_room(base.host_path.absolute().parent, growth(base, data), f"committing to {base.host_path}")
        with lock_images([layer.host_path for layer in (*above, base)]):
            commit_down(disk, depth, rate=rate, progress=progress)
            _tidy(disk, request, above)
    return CommitReport(
        image=disk.name,
        base=str(base.host_path),
        data_bytes=data,
        spoiled=tuple(map(str, spoiled)),
        written=request.write,
        changed=True,
        changes=tuple(steps),
        warnings=disk.warnings,
    )


def _base_depth(disk: Disk, base: Path | None) -> int:
    if len(disk.info.chain) < 2:
        raise UsageError(f"{disk.name} has no backing file to commit to")
    depth = 1 if base is None else layer_depth(disk, base)
    if not depth:
        names = ", ".join(str(layer.host_path) for layer in disk.info.chain[1:])
        raise UsageError(f"{base} is not below {disk.name}", hint=f"its chain has: {names}")
    return depth


def require_committable(base: Layer, size: int) -> None:
    """Make sure that a layer can take what is above it, of a disk of ``size`` bytes.

    :raises UnsupportedFormat: QEMU does not write the format, or it cannot grow as it must.
    """
    if base.format not in ABILITIES["create"]:
        raise UnsupportedFormat(f"QEMU cannot write {base.format}: {base.host_path}", hint="imgtools convert")
    if size > base.virtual_size and base.format not in CAN_GROW:
        raise UnsupportedFormat(
            f"{base.host_path} has {base.virtual_size} bytes, the overlay {size}, and"
            f" {base.format} cannot grow",
            hint="imgtools convert makes one image of the chain",
        )


def growth(base: Layer, data: int) -> int:
    """Return how much a base may grow: what it has not allocated yet, at most the data."""
    return min(data, max(0, base.virtual_size - base.actual_size)) if base.format == "raw" else data


def _steps(
    disk: Disk, request: CommitRequest, base: Layer, above: tuple[Layer, ...], data: int
) -> list[DiskStep]:
    target, top = str(base.host_path), str(above[0].host_path)
    words = f"write {data} bytes of data into {target} ({base.format})"
    steps = [DiskStep("write-data", words, target, size=data)]
    if (size := disk.info.virtual_size) > base.virtual_size:
        words = f"make {target} {size} bytes large (now {base.virtual_size})"
        steps.append(DiskStep("grow-image", words, target, size=size, old_size=base.virtual_size))
    for layer in above[1:] if not request.remove else ():
        path = str(layer.host_path)
        steps.append(DiskStep("consequence", f"from then on {path} reads something else", path))
    if request.remove:
        paths = [str(layer.host_path) for layer in above]
        steps += [DiskStep("remove-file", f"remove {path}", path) for path in paths]
    elif request.empty:
        steps.append(DiskStep("empty-image", f"empty {top}, which then only points to its base", top))
    else:
        steps.append(DiskStep("keep-image", f"keep {top} as it is", top))
    return steps


def _tidy(disk: Disk, request: CommitRequest, above: tuple[Layer, ...]) -> None:
    """Empty or remove what is in the base now; the topmost goes first, so that no chain is left without its end."""
    if request.remove:
        for layer in above:
            layer.host_path.unlink()
    elif request.empty:
        empty_overlay(disk)
