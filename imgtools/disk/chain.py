"""Changes of a backing chain, each in an order in which the chain can be opened at every moment.

What is copied is copied first and synced; the one step that makes it count is a header (written all or nothing through
:mod:`imgtools.disk.table_edit`) or a rename; what is no longer needed is removed last.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from imgtools.disk.image_file import Disk
from imgtools.disk.new_file import sync_file
from imgtools.disk.table_edit import change_and_check
from imgtools.engine.qemu.img import changes
from imgtools.engine.qemu.nodes import Node, files_of
from imgtools.engine.qemu.unlock import Keyring
from imgtools.errors import EngineFailed, WouldLoseData
from imgtools.records.image import ImageInfo, Layer
from imgtools.records.progress import Progress

SAMPLE = 64 << 10  # bytes
SAMPLES = 256


def holdings(disk: Disk) -> tuple[int, ...]:
    """Return how many bytes of data each layer holds that the guest sees, the image itself first."""
    held = [0] * len(disk.info.chain)
    for extent in disk.extents():
        if extent.data and extent.depth < len(held):
            held[extent.depth] += extent.length
    return tuple(held)


def commit_down(disk: Disk, depth: int, *, rate: int = 0, progress: Progress | None = None) -> None:
    """Write what the image and the layers above ``depth`` hold into the layer at ``depth``; they keep it too.

    Until it is complete the base alone is half changed, and the chain as a whole reads as before, because everything
    that changes is covered by the layers above. Cut short, it can be run again.
    """
    base = disk.info.chain[depth].host_path if depth > 1 else None
    target = disk.info.chain[depth].host_path
    try:
        changes.commit(disk.node(), base=base, rate=rate, progress=progress)
        sync_file(target)
    except (EngineFailed, OSError) as error:
        raise EngineFailed(
            f"{disk.top.host_path} could not be committed into {target}: {getattr(error, 'strerror', None) or error}",
            hint="the chain reads as before; see to the disk, then run it again",
        ) from None


def empty_overlay(disk: Disk) -> None:
    """Drop the clusters of an overlay whose data its backing file holds now."""
    changes.empty(disk.node())
    sync_file(disk.top.host_path)


def link(disk: Disk, backing: tuple[str, str] | None, locks: tuple[int, ...] | None = None) -> None:
    """Record another backing file, or none, in the image's header: all or nothing; the data is not looked at."""

    def change(node: Node) -> None:
        changes.relink(node, backing)

    change_and_check(disk, change, locks)


def rebase_onto(
    disk: Disk,
    base: ImageInfo | None,
    recorded: tuple[str, str] | None,
    locks: tuple[int, ...],
    *,
    progress: Progress | None = None,
) -> None:
    """Give an overlay another backing file, or none, so that it reads the same.

    The image first gets all the data that the new base does not give it, then the link changes. Cut before that, it
    still stands on its old base and reads the same.

    :param recorded: the name and format that are to be recorded.
    """
    backing = (os.fspath(base.source.host_path.absolute()), base.format) if base is not None else None
    opens = files_of(base.chain) if base is not None else ()
    changes.rebase(disk.node(), backing, opens=opens, progress=progress)
    sync_file(disk.top.host_path)
    if recorded is not None and recorded != backing:
        link(disk, recorded, locks)


def first_difference(
    first: ImageInfo, second: ImageInfo, keys: Keyring, offsets: Sequence[int], end: int
) -> int | None:
    """Read samples of two disks up to ``end`` and return the offset of the first that differs.

    Beyond a disk's own end there are zeros.
    """
    from imgtools.engine.qemu.block import serve_disk

    with serve_disk(first, keys) as one, serve_disk(second, keys) as other:
        for offset in offsets:
            length = min(SAMPLE, end - offset)
            parts = (one.read(offset, length), other.read(offset, length))
            longest = max(len(part) for part in parts)
            if len({part.ljust(longest, b"\0") for part in parts}) > 1:
                return offset
    return None


def sample_offsets(disk: Disk, end: int) -> tuple[int, ...]:
    """Return where to look at a disk up to ``end``: at its data, evenly over all of it."""
    size = min(disk.info.virtual_size, end)
    places = [extent.start for extent in disk.extents() if extent.data and extent.start < size]
    step = max(1, len(places) // SAMPLES)
    spread = [size * number // SAMPLES // SAMPLE * SAMPLE for number in range(SAMPLES)]
    return tuple(sorted({*places[::step], *spread}))


def keep_access(source: Path, copy: Path) -> None:
    """Give a copy the mode of its original, and the owner as far as we may: nobody else is to read it."""
    found = source.stat()
    with suppress(OSError):
        os.chown(copy, found.st_uid, found.st_gid)
    copy.chmod(stat.S_IMODE(found.st_mode))


def refuse_shorter(layers: Sequence[Layer]) -> None:
    """Make sure that no layer hides the end of the lowest one, into which they are to be merged.

    :raises WouldLoseData: one does; what it hides would be seen again.
    """
    lowest = layers[-1]
    for layer in layers[:-1]:
        if layer.virtual_size < lowest.virtual_size:
            raise WouldLoseData(
                f"{layer.host_path} has {layer.virtual_size} bytes, {lowest.host_path} {lowest.virtual_size}:"
                " what lies behind would be seen again",
                hint="merge upwards (imgtools chain squash without --down), or flatten",
            )


def below(disk: Disk, depth: int) -> Disk:
    """Return the layer at ``depth`` and what it stands on, as a disk of its own."""
    layer = disk.info.chain[depth]
    info = replace(
        disk.info,
        source=replace(disk.info.source, host_path=layer.host_path, format=layer.format, snapshot=None),
        format=layer.format,
        virtual_size=layer.virtual_size,
        chain=disk.info.chain[depth:],
        snapshots=(),
        encryption=layer.encryption,
    )
    return Disk(info, disk.keys)


def layer_depth(disk: Disk, name: Path) -> int | None:
    """Return the depth of the layer that a name means: a path from the image's folder or from here, or a file name."""
    reals = [os.path.realpath(layer.host_path) for layer in disk.info.chain]
    for real in map(os.path.realpath, (disk.host_path.parent / name, name)):
        if real in reals:
            return reals.index(real)
    named = [depth for depth, layer in enumerate(disk.info.chain) if layer.host_path.name == str(name)]
    return named[0] if len(named) == 1 else None
