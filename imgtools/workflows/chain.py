"""Look at a backing chain, shorten it, move it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from imgtools.disk.backing import examine
from imgtools.disk.chain import (
    below,
    commit_down,
    holdings,
    keep_access,
    layer_depth,
    link,
    rebase_onto,
    refuse_shorter,
)
from imgtools.disk.formats import ABILITIES, require_ability
from imgtools.disk.image_file import Conversion, Disk, copy_bytes, open_disk
from imgtools.disk.in_use import refuse_in_use
from imgtools.disk.new_file import new_file, refuse_own_files, require_room, sync_folder
from imgtools.disk.overlays_beside import overlays_of
from imgtools.disk.transaction.lock import lock_images
from imgtools.disk.transaction.may_edit import require_access
from imgtools.errors import TargetExists, UnsupportedFormat, UsageError, WouldLoseData
from imgtools.records.image import DiskSource, ImageInfo, Layer
from imgtools.records.progress import Progress
from imgtools.records.request import Backing, ImageRequest
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.workflows.commit import growth, require_committable
from imgtools.workflows.create import recorded_name


@dataclass(frozen=True, slots=True)
class ChainLayer:
    """One file of a chain. ``holds`` are the bytes of data in it that the guest sees through the layers above."""

    depth: int
    host_path: Path
    format: str
    virtual_size: int
    actual_size: int
    holds: int
    extents: tuple[Path, ...]
    others: tuple[str, ...]  # further images in its folder that stand on it


@dataclass(frozen=True, slots=True)
class ChainReport:
    """A chain from the image down to its base."""

    image: str
    virtual_size: int
    layers: tuple[ChainLayer, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class ChainChange:
    """What was done to a chain, or would be."""

    image: str
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    warnings: tuple[Warned, ...] = ()


def show_chain(request: ImageRequest) -> ChainReport:
    """Tell what each file of a chain holds, and which other images stand on it."""
    disk = open_disk(request)
    held = holdings(disk)
    chain = [layer.host_path for layer in disk.info.chain]
    layers = [
        ChainLayer(
            depth=depth,
            host_path=layer.host_path,
            format=layer.format,
            virtual_size=layer.virtual_size,
            actual_size=layer.actual_size,
            holds=held[depth],
            extents=layer.extents,
            others=tuple(map(str, overlays_of(layer.host_path, besides=chain))),
        )
        for depth, layer in enumerate(disk.info.chain)
    ]
    return ChainReport(disk.name, disk.info.virtual_size, tuple(layers), disk.warnings)


# -- flatten ----------------------------------------------------------------------------------------------


def flatten(
    request: ImageRequest,
    *,
    write: bool = False,
    output: Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ChainChange:
    """Pull everything into the image, so that it stands alone; or make a new image that does.

    :raises UnsupportedFormat: the format cannot change its backing file; ``output`` is the way round.
    """
    disk = open_disk(request, to_write=output is None)
    if len(disk.info.chain) < 2:
        raise UsageError(f"{disk.name} has no backing file")
    held = sum(holdings(disk)[1:])
    if output is not None:
        words = f"write {disk.name} with all that it stands on to {output}"
        made = DiskStep("make-image", words, str(output))
        refuse_own_files([disk.info], output)
        needs = disk.measure("qcow2").required
        require_room(output.absolute().parent, needs, str(output))
        with new_file(output, overwrite=overwrite, source=disk.info) as draft:
            disk.convert(draft.host_path, Conversion(disk.info.format), progress=progress)
        return ChainChange(disk.name, True, True, (made,), disk.warnings)
    require_ability(disk.info.format, "a changed backing file", disk.name)
    require_access(disk.top.host_path)
    path = disk.name
    words = f"copy {held} bytes of data from {len(disk.info.chain) - 1} backing files into {path}"
    steps = (
        DiskStep("copy-data", words, path, size=held),
        DiskStep("record-backing", "then record that it has no backing file", path),
    )
    if write:
        require_room(disk.top.host_path.absolute().parent, held, f"flattening {disk.name}")
        with lock_images([disk.top.host_path]) as locks:
            rebase_onto(disk, None, None, locks, progress=progress)
    return ChainChange(disk.name, write, True, steps, disk.warnings)


# -- squash -----------------------------------------------------------------------------------------------


def squash(
    request: ImageRequest,
    first: Path,
    last: Path,
    *,
    down: bool = False,
    keep: bool = False,
    force: bool = False,
    write: bool = False,
    progress: Progress | None = None,
) -> ChainChange:
    """Make one layer of several: ``first`` is the uppermost of them, ``last`` the lowest.

    The result is in the file of ``first``, or with ``down`` in that of ``last``.

    :raises WouldLoseData: other images stand on a file that would change or go.
    """
    disk = open_disk(request, to_write=True)
    upper, lower = _depths(disk, first, last)
    merged = disk.info.chain[upper : lower + 1]
    going = merged[:-1] if down else merged[1:]
    _refuse_others(disk, (*going, merged[-1]) if down else going, force=force)
    _require_mergeable(disk, upper, lower, down=down)
    steps = _squash_steps(disk, upper, lower, down=down, going=() if keep else going)
    if write:
        paths = [layer.host_path for layer in disk.info.chain[max(0, upper - 1) : lower + 1]]
        with lock_images(paths) as locks:
            part = below(disk, upper)
            if down:
                data = sum(holdings(part)[: lower - upper])
                room = growth(merged[-1], data)
                require_room(
                    merged[-1].host_path.absolute().parent, room, f"squashing into {merged[-1].host_path}"
                )
                commit_down(part, lower - upper, progress=progress)
                if upper > 0:
                    _relink(disk, upper - 1, lower, locks)
            else:
                _pull_up(part, lower - upper, locks, progress)
            if not keep:
                for layer in going:
                    layer.host_path.unlink()
    return ChainChange(disk.name, write, True, steps, disk.warnings)


def _depths(disk: Disk, first: Path, last: Path) -> tuple[int, int]:
    depths = [layer_depth(disk, name) for name in (first, last)]
    for name, depth in zip((first, last), depths, strict=True):
        if depth is None:
            names = ", ".join(str(layer.host_path) for layer in disk.info.chain)
            raise UsageError(f"{name} is no file of the chain", hint=f"it has: {names}")
    upper, lower = (depth or 0 for depth in depths)
    if upper >= lower:
        raise UsageError(
            f"{first} is not above {last}",
            hint="--from is the upper file, --to a lower one: see imgtools chain",
        )
    return upper, lower


def _require_mergeable(disk: Disk, upper: int, lower: int, *, down: bool) -> None:
    """Make sure of all that can be known before the first file changes.

    :raises UnsupportedFormat: a link cannot be changed, or the lowest layer cannot take what is above it.
    :raises ImageInUse: a program has one of the files.
    """
    chain = disk.info.chain
    merged = chain[upper : lower + 1]
    linked = (
        chain[upper - 1 : upper] if down else merged[:1]
    )  # a slice from -1 to 0 is empty: nothing is above
    if down:
        refuse_shorter(merged)
        require_committable(merged[-1], merged[0].virtual_size)
    for layer in linked:
        require_ability(layer.format, "a changed backing file", str(layer.host_path))
    for layer in (*linked, *merged):
        refuse_in_use(layer.host_path)
    for layer in (*linked, *(merged[-1:] if down else ())):
        require_access(layer.host_path)


def _refuse_others(disk: Disk, layers: tuple[Layer, ...], *, force: bool) -> None:
    """Make sure that no image outside the chain stands on a file that changes or goes."""
    chain = [layer.host_path for layer in disk.info.chain]
    for layer in layers:
        others = overlays_of(layer.host_path, besides=chain)
        if others and not force:
            raise WouldLoseData(
                f"{others[0]} stands on {layer.name}, too",
                hint="flatten it first; --force if it is not needed",
            )


def _squash_steps(
    disk: Disk, upper: int, lower: int, *, down: bool, going: tuple[Layer, ...]
) -> tuple[DiskStep, ...]:
    held = holdings(below(disk, upper))
    chain = disk.info.chain
    if down:
        moved, target = sum(held[: lower - upper]), chain[lower].host_path
        words = f"write {moved} bytes of data from {lower - upper} files above into {target}"
        steps = [DiskStep("write-data", words, str(target), size=moved)]
        if upper > 0:
            upon = chain[upper - 1].host_path
            words = f"let {upon} stand on {target}"
            steps.append(DiskStep("record-backing", words, str(upon), target=str(target)))
        else:
            words = f"from then on {target} is the image, not {chain[0].host_path}"
            steps.append(DiskStep("consequence", words, str(target)))
    else:
        moved, target = sum(held[1 : lower - upper + 1]), chain[upper].host_path
        words = f"copy {moved} bytes of data from {lower - upper} files below into {target}"
        steps = [DiskStep("copy-data", words, str(target), size=moved)]
        base = chain[lower + 1].host_path if lower + 1 < len(chain) else None
        words = f"let {target} stand on {base}" if base else f"let {target} stand alone"
        steps.append(DiskStep("record-backing", words, str(target), target=str(base or "")))
    return (*steps, *map(_removal, going))


def _removal(layer: Layer) -> DiskStep:
    return DiskStep("remove-file", f"remove {layer.name}", str(layer.host_path))


def _pull_up(part: Disk, count: int, locks: tuple[int, ...], progress: Progress | None) -> None:
    """Copy what the ``count`` layers below hold into the image, and let it stand on what they stand on."""
    held = sum(holdings(part)[1 : count + 1])
    require_room(part.top.host_path.absolute().parent, held, f"squashing into {part.host_path}")
    if count + 1 == len(part.info.chain):
        rebase_onto(part, None, None, locks, progress=progress)
        return
    base = below(part, count + 1).info
    recorded = (recorded_name(part.top.host_path, base), base.format)
    rebase_onto(part, base, recorded, locks, progress=progress)


def _relink(disk: Disk, depth: int, onto: int, locks: tuple[int, ...]) -> None:
    """Let the layer at ``depth`` stand on the one at ``onto``, which reads as the one it stands on now."""
    child, base = below(disk, depth), below(disk, onto).info
    link(child, (recorded_name(child.top.host_path, base), base.format), locks)


# -- move -------------------------------------------------------------------------------------------------


def move_chain(
    request: ImageRequest,
    folder: Path,
    *,
    copy: bool = False,
    force: bool = False,
    write: bool = False,
    progress: Progress | None = None,
) -> ChainChange:
    """Bring all files of a chain into one folder, with links that fit.

    The new chain is complete, synced and read again before the first old file goes; so there is a chain to open at
    every moment.

    :raises TargetExists: a file of such a name is in the folder.
    :raises WouldLoseData: other images stand on a file that would go.
    """
    disk = open_disk(request, to_write=not copy)
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}")
    layers = disk.info.chain
    _refuse_shapes(layers)
    targets = [folder / layer.host_path.name for layer in layers]
    if len({target.name for target in targets}) < len(targets):
        raise UsageError("two files of the chain have the same name, and would lie in one folder")
    for layer, target in zip(layers, targets, strict=True):
        if target.exists() and target.samefile(layer.host_path):
            raise UsageError(f"{layer.name} is in {folder} already")
        if os.path.lexists(target):
            raise TargetExists(
                f"the file is there already: {target}", hint="choose another folder, or remove it"
            )
    if not copy:
        _refuse_others(disk, layers, force=force)
    steps = [
        DiskStep("copy-file", f"copy {layer.name} to {target}", str(layer.host_path), target=str(target))
        for layer, target in zip(layers, targets, strict=True)
    ][::-1]
    for upper, lower in _pairs(targets):
        words = f"record {lower.name} as the backing file of {upper}"
        steps.append(DiskStep("record-backing", words, str(upper), target=lower.name))
    steps += [] if copy else map(_removal, layers)
    for layer in layers:
        refuse_in_use(layer.host_path)
    if write:
        require_room(folder.absolute(), sum(layer.actual_size for layer in layers), f"moving to {folder}")
        with lock_images([layer.host_path for layer in layers]):
            _move(disk, targets, copy=copy, progress=progress)
    return ChainChange(disk.name, write, True, tuple(steps), disk.warnings)


def _pairs(targets: list[Path]) -> list[tuple[Path, Path]]:
    return list(pairwise(targets))


def _refuse_shapes(layers: tuple[Layer, ...]) -> None:
    for layer in layers[:-1]:
        if layer.format not in ABILITIES["a changed backing file"]:
            raise UnsupportedFormat(
                f"{layer.name}: {layer.format} cannot record another backing file",
                hint="imgtools chain flatten --output FILE makes one image of the chain",
            )
    for layer in layers:
        if layer.extents:
            raise UnsupportedFormat(
                f"{layer.name} is made of several files", hint="imgtools convert makes one image of it"
            )


def _move(disk: Disk, targets: list[Path], *, copy: bool, progress: Progress | None) -> None:
    """Make the new chain from its base up, look at it, then remove the old one from its top down.

    Until all of it is complete it is in a folder that the next command removes if this one is killed.
    """
    layers = disk.info.chain
    base: ImageInfo | None = None
    with new_file(targets[0]) as draft:
        for layer, target in reversed(list(zip(layers, targets, strict=True))):
            place = draft.host_path.with_name(target.name)
            copy_bytes(layer.host_path, place, Conversion("raw"), progress=progress)
            if base is not None:
                lone = replace(disk.info, chain=(replace(layer, host_path=place),), format=layer.format)
                link(Disk(lone, disk.keys), (recorded_name(place, base), base.format))
            keep_access(layer.host_path, place)
            base = examine(DiskSource(place, layer.format), policy=Backing.SAME_DIR)
        if base is None or [layer.format for layer in base.chain] != [layer.format for layer in layers]:
            raise UsageError(f"the chain in {targets[0].parent} is not complete")
    if not copy:
        for layer in layers:
            layer.host_path.unlink()
            sync_folder(layer.host_path.parent)
