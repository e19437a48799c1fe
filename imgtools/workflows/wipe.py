"""Overwrite an image so that nobody reads it again, as far as overwriting can do that."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imgtools.disk.backing import examine
from imgtools.disk.headers import open_host_file, probe
from imgtools.disk.in_use import refuse_in_use
from imgtools.disk.new_file import require_room, sync_folder
from imgtools.disk.overlays_beside import overlays_of
from imgtools.disk.transaction.lock import lock_images
from imgtools.disk.transaction.marker import refuse_unfinished
from imgtools.disk.transaction.may_edit import require_access
from imgtools.disk.transaction.sidecar import sidecar_of
from imgtools.disk.wiping import ALGORITHMS, doubts, wipe_file
from imgtools.errors import BadImage, HostError, UntrustedBacking, UsageError, WouldLoseData
from imgtools.records.image import DiskSource
from imgtools.records.request import Backing
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned

Progress = Callable[[int, int], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WipeReport:
    """What was overwritten, or would be; ``seconds`` is 0 if nothing was."""

    image: str
    algorithm: str
    passes: tuple[str, ...]
    files: tuple[str, ...]
    bytes: int  # of all files together; each pass writes as many
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    seconds: float
    warnings: tuple[Warned, ...] = ()


def wipe(
    host_path: Path,
    algorithm: str,
    *,
    remove: bool = False,
    force: bool = False,
    write: bool = False,
    progress: Progress | None = None,
) -> WipeReport:
    """Overwrite all files of one image (not its backing files) with the passes of an algorithm.

    :raises ImageInUse: a QEMU program or the host has it.
    :raises WouldLoseData: other images stand on it.
    :raises UntrustedBacking: it keeps its data in files that lie elsewhere, and ``force`` does not leave them.
    :raises UnfinishedEdit: an edit of it was cut: part of what it holds is in another file.
    :raises NoRoom: its holes do not fit on the host; nothing was written.
    """
    if algorithm not in ALGORITHMS:
        raise UsageError(f"unknown algorithm: {algorithm}", hint=f"one of {', '.join(ALGORITHMS)}")
    passes = ALGORITHMS[algorithm]
    files, left = _files(host_path, force)
    sizes = [_size(path) for path in files]
    _refuse(host_path, files, force)
    warnings = [Warned(text, str(host_path)) for text in (*left, *doubts(host_path))]
    doomed = _names(host_path, files) if remove else []
    steps = [
        DiskStep("overwrite", f"overwrite {size} bytes of {path}, {len(passes)} times", str(path), size=size)
        for path, size in zip(files, sizes, strict=True)
    ]
    for number, one in enumerate(passes, 1):
        steps.append(DiskStep("overwrite-pass", f"pass {number}: {one}", name=str(one), number=number))
    steps += [DiskStep("remove-file", f"remove {path}", str(path)) for path in doomed]
    seconds = 0.0
    if write:
        began = time.monotonic()
        with lock_images(files), _telling_of_a_cut(host_path):
            for path in files:
                wipe_file(path, passes, progress)
            for path in doomed:
                path.unlink()
                sync_folder(path.absolute().parent)
        seconds = round(time.monotonic() - began, 3)
    return WipeReport(
        image=str(host_path),
        algorithm=algorithm,
        passes=tuple(map(str, passes)),
        files=tuple(map(str, files)),
        bytes=sum(sizes),
        written=write,
        changed=True,
        changes=tuple(steps),
        seconds=seconds,
        warnings=tuple(warnings),
    )


def _files(host_path: Path, force: bool) -> tuple[list[Path], list[str]]:
    """Return the files that hold an image's data, and what one should know of others.

    The image itself is last: a wipe that is cut must leave the file that names the others.
    """
    left = []
    extents: tuple[Path, ...] = ()
    try:
        top = examine(DiskSource(host_path), policy=Backing.SAME_DIR, alone=True, to_repair=True).chain[0]
        extents = top.extents
    except UntrustedBacking as error:
        if not force:
            raise UntrustedBacking(
                f"{error.message}: it would not be wiped",
                hint="wipe that file by its own name; --force wipes this one alone",
            ) from None
        left = [f"only this file is wiped: {error.message}"]
    except BadImage as error:  # no image, or a damaged one: a file all the same
        with open_host_file(host_path) as file:
            if probe(file) != "raw":
                left = [f"only this file is wiped, not what it may name: {error.message}"]
    overlay = sidecar_of(host_path).overlay  # of an edit that was killed: changed parts of the disk
    return [*extents, *([overlay] if overlay.is_file() else []), host_path], left


def _refuse(host_path: Path, files: list[Path], force: bool) -> None:
    """Make sure that nothing speaks against wiping, before the first byte is written."""
    others = overlays_of(host_path, besides=files)
    if others and not force:
        raise WouldLoseData(
            f"{others[0]} stands on {host_path} and would be destroyed", hint="--force if it is not needed"
        )
    refuse_unfinished([host_path])
    for path in files:
        refuse_in_use(path)
        require_access(path)
        require_room(path.resolve().parent, _holes(path), f"filling the holes of {path}")


@contextmanager
def _telling_of_a_cut(host_path: Path) -> Iterator[None]:
    """Say what is left when a wipe ends in the middle, by a signal or an error."""
    complete = False
    try:
        yield
        complete = True
    finally:
        if not complete:
            log.error(
                "%s is wiped in part: no image any more, and not all overwritten; wipe it again", host_path
            )


def _size(path: Path) -> int:
    with open_host_file(path) as file:
        return file.size


def _holes(path: Path) -> int:
    with open_host_file(path) as file:
        return max(0, file.size - file.allocated)


def _names(host_path: Path, files: list[Path]) -> list[Path]:
    """Return what has to be removed: the files, not only a link that leads to one, and then the link.

    :raises HostError: one is a block device.
    """
    for path in files:
        if path.is_block_device():
            raise HostError(f"{path} is a block device and stays", hint="leave --delete away")
    names = [path.resolve() if path.is_symlink() else path for path in files]
    return [*names, *([host_path] if host_path.is_symlink() else [])]
