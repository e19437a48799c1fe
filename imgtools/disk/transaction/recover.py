"""Finish, or take back, an edit that was cut while it was being committed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from imgtools.disk.backing import examine
from imgtools.disk.headers import open_host_file, read_header
from imgtools.disk.in_use import refuse_in_use
from imgtools.disk.new_file import PREFIX, sync_folder
from imgtools.disk.transaction.leftovers import remove_leftovers, remove_overlay
from imgtools.disk.transaction.lock import lock_images
from imgtools.disk.transaction.marker import READY, MarkedDisk, Marker, find_marker, remove_marker
from imgtools.disk.transaction.sidecar import is_block_device, sidecar_of
from imgtools.disk.transaction.transaction import finish
from imgtools.engine.held_folder import sweep
from imgtools.engine.own_files import open_own
from imgtools.engine.qemu.overlay import repair_leaks
from imgtools.errors import BadImage, EditConflict, UnfinishedEdit
from imgtools.records.image import DiskSource, Layer
from imgtools.records.request import Backing

PATIENCE = 60.0  # seconds to wait for a qemu-img commit that has outlived the imgtools that began it


class Outcome(StrEnum):
    """What became of an unfinished edit."""

    FINISHED = "finished"  # the images are as the edit wanted them
    DISCARDED = "discarded"  # they are as they were before it
    CLEANED = "cleaned"  # they were not touched; what a cut edit had left beside them is gone
    NOTHING = "nothing"  # there was nothing to do


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was done, and to which images."""

    outcome: Outcome
    host_paths: tuple[Path, ...]


def recover_image(
    host_path: Path, *, discard: bool = False, backing: Backing = Backing.SAME_DIR
) -> Recovered:
    """Finish the unfinished edit that an image takes part in, on all disks of its guest.

    :param discard: take it back instead, which is safe as long as nothing was written to the images.
    :raises UnfinishedEdit: it cannot be taken back any more: an image may be half written.
    :raises EditConflict: an image was changed since; what was planned for it does not fit any longer.
    :raises ImageInUse: another program has an image open.
    :raises BadImage: an overlay is gone or damaged.
    :raises EditCut: finishing failed as well; it may be tried again.
    """
    marker = find_marker(host_path)
    host_paths = marker.images if marker else (host_path,)
    with lock_images(host_paths, wait=PATIENCE) as locks:
        marker = find_marker(host_path)
        if marker is None:
            return Recovered(_clean(host_path), (host_path,))
        _require_partners(marker)
        for image in marker.images:
            refuse_in_use(image)
        if discard:
            _discard(marker)
            return Recovered(Outcome.DISCARDED, marker.images)
        disks = [_disk(disk, backing) for disk in marker.disks]
        if marker.stage == READY:
            _require_unchanged(marker)
        finish(marker, disks, locks, again=True)
        for _, chain in disks:
            repair_leaks(chain[0])
        return Recovered(Outcome.FINISHED, marker.images)


def _clean(host_path: Path) -> Outcome:
    """Remove what lies beside an image that nobody is editing: it never counted, or counts already."""
    place = sidecar_of(host_path)
    sweep(place.folder, PREFIX)
    if not remove_leftovers(place, host_path):
        return Outcome.NOTHING
    sync_folder(place.folder)
    return Outcome.CLEANED


def _require_partners(marker: Marker) -> None:
    """Every image must itself say that it takes part: a marker in a strange folder may name any file."""
    for image in marker.images:
        found = find_marker(image)
        if found is None or found.id != marker.id:
            raise BadImage(
                f"the marker names {image}, beside which nothing says that it takes part",
                hint="put the disks of the guest back to where they were",
            )


def _discard(marker: Marker) -> None:
    if marker.stage != READY:
        raise UnfinishedEdit(
            f"the edit of {marker.images[0]} cannot be taken back: the image may be half written",
            hint="without --discard, imgtools recover finishes it",
        )
    remove_marker(marker)
    for image in marker.images:
        remove_overlay(sidecar_of(image).overlay, image)


def _require_unchanged(marker: Marker) -> None:
    """Nothing was written by us yet, so an image that has changed was changed by someone else."""
    for disk in marker.disks:
        found = Path(disk.image).stat()
        if not is_block_device(Path(disk.image)) and (found.st_size, found.st_mtime_ns) != (
            disk.size,
            disk.modified,
        ):
            raise EditConflict(
                f"{disk.image} was changed after the edit was cut, so the edit does not fit any longer",
                hint="imgtools recover --discard takes the edit back",
            )


def _disk(disk: MarkedDisk, backing: Backing) -> tuple[Path, Sequence[Layer]]:
    """Return a disk's overlay, judged as any image is, and the chain of its image."""
    image = Path(disk.image)
    overlay = sidecar_of(image).overlay
    try:
        os.close(open_own(overlay))
    except FileNotFoundError:
        raise BadImage(
            f"{overlay} is gone, and with it what the edit of {image} still had to write",
            hint="restore the image, or the overlay, from a backup",
        ) from None
    with open_host_file(overlay) as file:
        header = read_header(file, "qcow2")
    if header.data_file or header.encryption:
        raise BadImage(f"{overlay} is no overlay that imgtools makes", hint="it is made to do harm")
    if disk.format == "raw":
        return overlay, (Layer(image, "raw", disk.virtual_size, 0),)
    return overlay, examine(DiskSource(image, disk.format), policy=backing).chain
