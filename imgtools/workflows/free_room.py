"""What of a disk nothing in it uses, asked for by the verbs that give it back or leave it out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imgtools.disk.giving_back import with_zeros
from imgtools.disk.image_file import Disk
from imgtools.errors import UsageError
from imgtools.records.free_room import FreePlaces, Wish
from imgtools.records.request import ImageRequest
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class Seen:
    """A disk as it is read: with zeros where nothing is used, if that was asked for."""

    disk: Disk
    warnings: tuple[Warned, ...] = ()


def refuse_together(free: Wish | FreePlaces | None, target: Path, *, backing: bool, bitmaps: bool) -> None:
    """Make sure that leaving out what is free goes with the rest of what is asked of a copy.

    :raises UsageError: it does not.
    """
    if free is None:
        return
    if backing or bitmaps:
        raise UsageError(f"--sparse-guest does not go with {'--backing-file' if backing else '--bitmaps'}")
    if target.is_block_device():
        raise UsageError("--sparse-guest is for a new file: on a block device old bytes would stay")


def look_for_free_room(source: ImageRequest, wish: Wish) -> tuple[FreePlaces, tuple[Warned, ...]]:
    """Return what is free on a disk, and what there is to know of how it was read.

    :raises ImgtoolsError: as :func:`imgtools.image.free_room.find_free_room`.
    """
    if len(source.disks) != 1:
        raise UsageError("one disk at a time", hint="name one image, or with -d one disk: --disk vda")
    from imgtools.image.free_room import find_free_room  # late: most copies leave nothing out
    from imgtools.image.handle import open_request

    with open_request(source) as image:
        return find_free_room(image, wish), image.warnings


@contextmanager
def without_free_room(disk: Disk, source: ImageRequest, free: Wish | FreePlaces | None) -> Iterator[Seen]:
    """Yield a disk such that what nothing in it uses reads as zeros.

    :param free: what is free, or what is asked for to find it; None: the disk is read as it is.
    :raises UsageError: it is an internal snapshot.
    """
    if free is None:
        yield Seen(disk)
        return
    if disk.info.source.snapshot is not None:
        raise UsageError(
            "free room is left out of the present state only",
            hint="imgtools convert --snapshot NAME makes an image of it, sparsify that",
        )
    warnings: tuple[Warned, ...] = ()
    if isinstance(free, Wish):
        free, warnings = look_for_free_room(source, free)
        warnings += tuple(Warned(f"left as it is: {one.reason}", one.what) for one in free.left)
    with with_zeros(disk, free.free) as view:
        yield Seen(view, tuple(one for one in warnings if one not in disk.warnings))
