"""What of free room an image file holds itself and can give back to the host, and giving it back.

A hole in free room loses nothing, so there is no overlay and nothing to commit: a cut leaves some of it given back and
some not, and the same command does the rest. What a backing file holds is left alone; a range that an overlay itself
holds reads as zeros afterwards and shows nothing of what is below it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from imgtools.disk.image_file import Disk
from imgtools.disk.overlays_beside import overlays_of
from imgtools.disk.transaction.sidecar import is_block_device
from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.qemu import giving_back
from imgtools.engine.qemu.overlay import FINE, repair_leaks
from imgtools.errors import ImageInUse, UnsupportedFormat, WouldLoseData
from imgtools.records.free_room import Free
from imgtools.records.image import ImageInfo, Layer
from imgtools.records.progress import Progress
from imgtools.volumes.ranges import Range, common, joined, total, whole_pieces

COPY = "--output FILE makes a new image without it"
Stamp = tuple[int, int, int, int]


def refuse_in_place(info: ImageInfo) -> None:
    """Make sure that an image can give room back where it is.

    :raises UnsupportedFormat: it has internal snapshots, or cannot say of a range that it reads as zeros.
    :raises WouldLoseData: other images stand on it, which show what it would give back.
    """
    layer, details = info.chain[0], dict(info.details)
    if info.snapshots:
        raise UnsupportedFormat(
            f"{info.source.name} has {len(info.snapshots)} internal snapshots, which hold what would be given back",
            hint=f"{COPY}; imgtools snapshot delete removes them",
        )
    if len(info.chain) > 1 and details.get("compat") == "0.10":
        raise UnsupportedFormat(
            "version 2 of qcow2 cannot say that a range reads as zeros: what the backing file holds would show",
            hint=f"imgtools amend -o compat=1.1 --write, or {COPY}",
        )
    if layer.extents:
        raise UnsupportedFormat(f"{layer.name} keeps its data in another file", hint=COPY)
    if is_block_device(layer.host_path):
        raise UnsupportedFormat(
            f"{layer.name} is a block device, which gives nothing back as a file does", hint=COPY
        )
    if others := overlays_of(layer.host_path):
        raise WouldLoseData(
            f"{others[0]} stands on {layer.name}, and shows what would be given back", hint=COPY
        )


def grain_of(info: ImageInfo) -> int:
    """Return the bytes in which an image gives room back: a cluster, or a block of the host's filesystem."""
    said = dict(info.details).get("cluster-size", "")
    if info.format == "qcow2" and said.isdigit():
        return int(said)
    return max(512, os.statvfs(info.chain[0].host_path).f_frsize)


def stored_of(disk: Disk, free: Sequence[Free], *, in_place: bool) -> list[list[Range]]:
    """Return what of each free place is stored: by the image itself in pieces that it can give back, or by its chain.

    :param in_place: what the image itself can give back; else what a copy can leave out.
    """
    own, grain = _own_data(disk, in_place=in_place), grain_of(disk.info) if in_place else 1
    return [list(whole_pieces(common(whole_pieces(one.ranges, grain), own), grain)) for one in free]


def _own_data(disk: Disk, *, in_place: bool) -> list[Range]:
    """The ranges that bytes are stored for; of a qcow2 itself also those that are allocated and read as zeros."""
    is_raw = disk.info.format == "raw"
    return joined(
        (one.start, one.start + one.length)
        for one in disk.extents()
        if (one.data or (in_place and not is_raw and one.offset is not None))
        and (one.depth == 0 or not in_place)
    )


def stamp(host_path: Path) -> Stamp:
    """Return what shows whether a file was written to meanwhile."""
    found = host_path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def refuse_changed(host_path: Path, before: Stamp) -> None:
    """Make sure that an image is still what was read.

    :raises ImageInUse: somebody has written to it.
    """
    if stamp(host_path) != before:
        raise ImageInUse(f"{host_path} was written to while it was read", hint="shut the guest down first")


def size_on_host(host_path: Path) -> int:
    """Return the bytes that a file takes."""
    return host_path.stat().st_blocks * 512


def give_back(
    disk: Disk,
    free: Sequence[Free],
    stored: Sequence[Sequence[Range]],
    before: Stamp,
    progress: Progress | None = None,
) -> None:
    """Give free places of an image back to the host.

    Of a raw file all that is free: a part of it may be taken on the host and hold nothing yet, which no map shows.

    :param stored: what :func:`stored_of` says of them.
    :param before: :func:`stamp` when the image was read.
    :raises ImageInUse: it was written to since, or another program has it.
    """
    refuse_changed(disk.top.host_path, before)
    is_raw, grain = disk.info.format == "raw", grain_of(disk.info)
    given: list[Range] = []
    for one, held in zip(free, stored, strict=True):
        if not one.zero:
            given += whole_pieces(one.ranges, grain) if is_raw else held
    zero = joined(place for one in free if one.zero for place in one.ranges)
    giving_back.give_back(disk.node(), joined(given), zero, progress)
    repair_leaks(disk.top)


@contextmanager
def with_zeros(disk: Disk, free: Sequence[Free]) -> Iterator[Disk]:
    """Yield a disk that reads as another one, and as zeros in free places; the other is only read.

    Its tables lie in the temporary folder, some 1.2 MB for 10 GB of disk.

    :raises NoRoom: they do not fit there.
    """
    size = disk.info.virtual_size
    pieces = list(whole_pieces(joined(place for one in free for place in one.ranges), FINE))
    if not total(pieces):
        yield disk
        return
    with scratch_folder() as folder:
        overlay = folder / "free"
        giving_back.make_view(overlay, disk.node("source"), size, pieces)
        layer = Layer(overlay, "qcow2", size, 0)
        yield replace(disk, info=replace(disk.info, chain=(layer, *disk.info.chain)))
