"""Overwrite an image so that nobody reads it again, as far as overwriting can do that."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imgtools.errors import BadImage, HostError, UntrustedBacking, UsageError, WouldLoseData
from imgtools.image.backing import examine
from imgtools.image.headers import open_host_file
from imgtools.image.in_use import refuse_in_use
from imgtools.image.lock import lock_images
from imgtools.image.new_file import require_room, sync_folder
from imgtools.image.siblings import overlays_of
from imgtools.image.wiping import ALGORITHMS, doubts, wipe_file
from imgtools.records import Backing, DiskSource, Warned

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class WipeReport:
    """What was overwritten, or would be; ``seconds`` is 0 if nothing was."""

    image: str
    algorithm: str
    passes: tuple[str, ...]
    files: tuple[str, ...]
    bytes: int  # of all files together; each pass writes as many
    plan: tuple[str, ...]
    written: bool
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
    """
    if algorithm not in ALGORITHMS:
        raise UsageError(f"unknown algorithm: {algorithm}", hint=f"one of {', '.join(ALGORITHMS)}")
    passes = ALGORITHMS[algorithm]
    files = _files(host_path)
    sizes = [_size(path) for path in files]
    others = overlays_of(host_path)
    if others and not force:
        raise WouldLoseData(
            f"{others[0]} stands on {host_path} and would be destroyed", hint="--force if it is not needed"
        )
    for path in files:
        refuse_in_use(path)
    warnings = [Warned(text, str(host_path)) for text in doubts(host_path)]
    plan = [
        f"overwrite {size} bytes of {path}, {len(passes)} times"
        for path, size in zip(files, sizes, strict=True)
    ]
    plan += [f"pass {number}: {one}" for number, one in enumerate(passes, 1)]
    plan += [f"remove {path}" for path in files] if remove else []
    seconds = 0.0
    if write:
        began = time.monotonic()
        with lock_images(files):
            for path in files:
                require_room(path.absolute().parent, _holes(path), f"filling the holes of {path}")
                wipe_file(path, passes, progress)
            if remove:
                _remove(files)
        seconds = round(time.monotonic() - began, 3)
    return WipeReport(
        image=str(host_path),
        algorithm=algorithm,
        passes=tuple(map(str, passes)),
        files=tuple(map(str, files)),
        bytes=sum(sizes),
        plan=tuple(plan),
        written=write,
        seconds=seconds,
        warnings=tuple(warnings),
    )


def _files(host_path: Path) -> list[Path]:
    """Return the files of one image: itself, a vmdk's extents, a qcow2's data file."""
    try:
        top = examine(DiskSource(host_path), policy=Backing.SAME_DIR, alone=True, to_repair=True).chain[0]
    except (BadImage, UntrustedBacking):
        with open_host_file(host_path):  # no image, or a damaged one: a file all the same
            return [host_path]
    return [host_path, *top.extents]


def _size(path: Path) -> int:
    with open_host_file(path) as file:
        return file.size


def _holes(path: Path) -> int:
    with open_host_file(path) as file:
        return max(0, file.size - file.allocated)


def _remove(files: list[Path]) -> None:
    for path in files:
        if path.is_block_device():
            raise HostError(f"{path} is a block device and stays")
        path.unlink()
        sync_folder(path.absolute().parent)
