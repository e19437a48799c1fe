"""What killed edits have left beside an image, and how it is told from files of the user that have such a name.

An overlay of ours is a regular file of this user, and a qcow2 that names the image as its backing file, or is signed as
ours where the image is no file by itself; it gets its name when it is complete. Nothing else is ever removed. The
caller holds the lock of the image.
"""

from __future__ import annotations

import os
from pathlib import Path

from imgtools.disk.headers import open_host_file, probe, read_header
from imgtools.disk.new_file import place_new
from imgtools.disk.transaction.marker import is_marker
from imgtools.disk.transaction.sidecar import Sidecar
from imgtools.engine.own_files import MODE, NotOurs, open_own, remove_halves
from imgtools.engine.qemu.overlay import MOST_HEADER, SIGNATURE
from imgtools.errors import BadImage


def place_overlay(half: Path, overlay: Path) -> None:
    """Give a complete overlay its name, for its owner alone.

    :raises NotOurs: there is something of that name.
    """
    half.chmod(MODE)
    try:
        place_new(half, overlay)
    except FileExistsError:
        raise _in_the_way(overlay) from None


def remove_overlay(overlay: Path, image: Path) -> bool:
    """Remove the overlay that an edit of an image has left, if there is one; returns whether there was.

    :raises NotOurs: a file of that name is not one that an edit of this image has made.
    """
    try:
        descriptor = open_own(overlay)
    except FileNotFoundError:
        return False
    try:
        empty = not os.fstat(descriptor).st_size  # all that a power cut has left of it
    finally:
        os.close(descriptor)
    if not empty and not _stands_on(overlay, image):
        raise _in_the_way(overlay)
    overlay.unlink(missing_ok=True)
    return True


def remove_leftovers(place: Sidecar, image: Path) -> bool:
    """Remove whatever edits have left beside an image that nobody is editing; returns whether there was anything.

    :raises NotOurs: a file of such a name is not ours.
    """
    removed = remove_overlay(place.overlay, image)
    removed = bool(remove_halves(place.marker)) or removed
    if is_marker(place.marker):
        place.marker.unlink(missing_ok=True)
        removed = True
    return removed


def _stands_on(overlay: Path, image: Path) -> bool:
    """Whether a file is a qcow2 that names the image, where it is or under the name that it had before both moved."""
    with open_host_file(overlay) as file:
        if probe(file) != "qcow2":
            return False
        try:
            name = os.fsdecode(read_header(file, "qcow2", 0, may_be_cut=True).backing)
        except BadImage:
            return False
        if not name:
            return SIGNATURE in file.read(0, MOST_HEADER)
    if "\0" in name:
        return False
    real = os.path.realpath(image)
    is_image = os.path.realpath(overlay.parent / name) == real
    return is_image or Path(name).name in (image.name, Path(real).name)


def _in_the_way(overlay: Path) -> NotOurs:
    return NotOurs(
        f"{overlay} is in the way, and no edit of imgtools has made it",
        hint="move it away: an edit needs this name",
    )
