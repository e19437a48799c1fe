"""A transaction on the disks of one guest: overlays, and the moment from which they count.

Until :meth:`Transaction.commit` has written its marker, the images are as they were, whatever happens. After it,
they become what the overlays say, at once or by ``imgtools recover``.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from imgtools.disk.new_file import free_room, new_file, scratch_folder, sync_file, sync_folder
from imgtools.disk.new_folder import image_names, new_folder
from imgtools.disk.transaction.leftovers import place_overlay, remove_overlay
from imgtools.disk.transaction.marker import (
    COMMITTING,
    READY,
    MarkedDisk,
    Marker,
    remove_marker,
    write_marker,
)
from imgtools.disk.transaction.sidecar import is_block_device, new_places, sidecar_of
from imgtools.disk.transaction.signals import uninterrupted
from imgtools.engine.qemu.overlay import commit_overlay, convert_overlay, create_overlay, shrink_image
from imgtools.errors import EditConflict, EditCut, HostError, ImageInUse, ImgtoolsError, NoRoom
from imgtools.records.image import ImageInfo, Layer
from imgtools.records.progress import Progress
from imgtools.records.request import OutputTarget
from imgtools.units import format_size

log = logging.getLogger(__name__)

MARGIN = 4 << 20  # bytes: the tables of an overlay, a directory that grows, a journal


class Transaction:
    """Overlays on all disks of a guest.

    :param locks: descriptors of the locks that are held; what must not outlive them inherits them.
    :param output: the new image to make, of several disks a folder of them; None commits into the images themselves.
    :param new_size: the virtual size that the disk gets, if there is but one; None: it keeps the one it has. An
        overlay is never smaller than its image: what is cut off is, when all else is written.
    """

    def __init__(
        self,
        infos: Sequence[ImageInfo],
        locks: Sequence[int] = (),
        output: OutputTarget | None = None,
        *,
        new_size: int | None = None,
    ) -> None:
        self._infos = tuple(infos)
        places = (
            [info.source.host_path for info in infos]
            if output is None
            else new_places(output.host_path, len(infos))
        )
        self._places = tuple(map(sidecar_of, places))
        self._locks = tuple(locks)
        self._output = output
        self._new_size = new_size
        self._seen = [_fingerprint(info.chain[0]) for info in infos]
        self._marked = False
        self._made: list[Path] = []

    @property
    def makes_new_image(self) -> bool:
        """Whether the result is a new image, not a change of the old."""
        return self._output is not None

    @property
    def output(self) -> str:
        """The host path of the new image, of several disks of their folder; or empty."""
        return "" if self._output is None else os.fspath(self._output.host_path)

    @property
    def disks(self) -> tuple[tuple[Path, tuple[Layer, ...]], ...]:
        """Each overlay, with the chain of the image below it."""
        pairs = zip(self._places, self._infos, strict=True)
        return tuple((place.overlay, info.chain) for place, info in pairs)

    @property
    def overlaid(self) -> tuple[ImageInfo, ...]:
        """The images as they would be read with their overlays on top."""
        pairs = zip(self._places, self._infos, strict=True)
        return tuple(overlaid(info, place.overlay) for place, info in pairs)

    # -- before --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Make empty overlays in the place of those that killed edits have left, which are of no use to anyone.

        :raises HostError: the folder cannot be written, or there is a file in the way that is no overlay of ours.
        :raises NoRoom: there is no room in it.
        """
        self.discard()
        for place, info in zip(self._places, self._infos, strict=True):
            image = info.chain[0]
            remove_overlay(place.overlay, image.host_path)
            # Whatever has its name is complete: so it can be told from a file of the user's.
            with scratch_folder(place.folder) as folder:
                half = folder / "overlay"
                size = max(image.virtual_size, self._new_size or 0)
                create_overlay(half, replace(image, virtual_size=size))
                place_overlay(half, place.overlay)
            self._made.append(place.overlay)

    def discard(self) -> None:
        """Throw away what was changed; the images are as they were. After a cut commit, nothing is thrown away."""
        if self._marked:
            return
        while self._made:
            with suppress(OSError):  # what stays is of no use, and is told from other files by the next edit
                self._made.pop().unlink(missing_ok=True)

    def require_room(self, wanted: int, *, margin: int = MARGIN) -> None:
        """Make sure that changes of ``wanted`` bytes, and some more, fit into the overlays' folder.

        :raises NoRoom: they do not.
        """
        for place in dict.fromkeys(one.folder for one in self._places):
            free = free_room(place)
            if free < wanted + margin:
                raise NoRoom(
                    f"the edit needs about {format_size(wanted + margin)} in {place}, {format_size(free)} are free",
                    hint="make room; an edit is kept beside the image until it is complete",
                )

    # -- commit --------------------------------------------------------------------------------------------

    def commit(self, progress: Progress | None = None) -> None:
        """Make the changes count.

        :raises EditConflict: an image was changed by someone else meanwhile; nothing was written.
        :raises NoRoom: the images could not grow as they must; nothing was written.
        :raises ImageInUse: another program opened an image meanwhile; nothing was written.
        :raises EditCut: the commit failed half-way; ``imgtools recover`` finishes it.
        """
        self._require_unchanged()
        if self._output is not None:
            self._write_output(self._output, progress)
            return
        self._require_room_to_commit()
        for overlay, _ in self.disks:
            sync_file(overlay)
            sync_folder(overlay.parent)
        with uninterrupted("the edit was being committed"):
            marker = Marker(uuid.uuid4().hex, READY, tuple(self._describe(info) for info in self._infos))
            self._marked = True
            try:
                _mark(marker)
                finish(marker, self.disks, self._locks)
            except (ImageInUse, NotBegun):
                self._marked = False
                raise

    def _describe(self, info: ImageInfo) -> MarkedDisk:
        layer = info.chain[0]
        found = layer.host_path.stat()
        real = os.path.realpath(layer.host_path)
        return MarkedDisk(
            real, layer.format, layer.virtual_size, found.st_size, found.st_mtime_ns, self._new_size
        )

    def _require_unchanged(self) -> None:
        for info, seen in zip(self._infos, self._seen, strict=True):
            if _fingerprint(info.chain[0]) != seen:
                raise EditConflict(
                    f"{info.source.host_path} was changed by another program during the edit",
                    hint="nothing was written; make the edit again",
                )

    def _require_room_to_commit(self) -> None:
        """A commit that runs out of room leaves a half written image; so this is asked before it begins."""
        wanted: dict[Path, int] = {}
        for overlay, chain in self.disks:
            image = chain[0].host_path
            if not is_block_device(image):
                folder = Path(os.path.realpath(image)).parent
                size = max(chain[0].virtual_size, self._new_size or 0)
                wanted[folder] = wanted.get(folder, 0) + _growth(overlay, chain[0], size)
        for folder, size in wanted.items():
            free = free_room(folder)
            if free < size:
                raise NoRoom(
                    f"the image may grow by {format_size(size)}, {format_size(free)} are free in {folder}",
                    hint="nothing was written; make room, then try again",
                )

    # -- a new image ---------------------------------------------------------------------------------------

    def _write_output(self, output: OutputTarget, progress: Progress | None) -> None:
        """Write the new image beside its name, then give it its name."""
        if len(self._infos) > 1:
            self._write_folder(output, progress)
            return
        ((overlay, chain),) = self.disks
        try:
            with new_file(output.host_path, overwrite=output.overwrite, source=self._infos[0]) as draft:
                wanted = output.format or chain[0].format
                convert_overlay(
                    overlay, chain, draft.host_path, wanted, compress=output.compress, progress=progress
                )
                self._require_unchanged()
        finally:
            self.discard()

    def _write_folder(self, output: OutputTarget, progress: Progress | None) -> None:
        """Write an image of each disk into a folder beside its name, then give the folder its name."""
        names = image_names(self._infos, output.format)
        try:
            with new_folder(output.host_path, self._infos) as folder:
                for name, (overlay, chain) in zip(names, self.disks, strict=True):
                    wanted = output.format or chain[0].format
                    convert_overlay(
                        overlay, chain, folder / name, wanted, compress=output.compress, progress=progress
                    )
                self._require_unchanged()
        finally:
            self.discard()


def finish(
    marker: Marker,
    disks: Sequence[tuple[Path, Sequence[Layer]]],
    locks: Sequence[int],
    *,
    again: bool = False,
) -> None:
    """Write marked overlays into their images, then remove marker and overlays, in this order.

    Without the marker an overlay is of no use to anyone, so a cut between the two leaves only a file to remove.

    :param again: an earlier commit was cut: overlays that another program keeps us from are no reason to roll back.
    :raises ImageInUse: another program has an image; nothing was written.
    :raises EditCut: it failed half-way.
    """
    if marker.stage == READY:
        _mark(Marker(marker.id, COMMITTING, marker.disks))
    for number, (overlay, chain) in enumerate(disks):
        try:
            commit_overlay(overlay, chain, keep_open=locks)  # makes a smaller image as large as the overlay
            disk = marker.disks[number]
            if disk.shrinks and disk.new_size is not None:
                shrink_image(chain[0], disk.new_size, keep_open=locks)
            for host_path in (chain[0].host_path, *chain[0].extents):
                sync_file(host_path)
        except ImageInUse:
            if again or number:
                raise
            remove_marker(marker)
            raise
        except (ImgtoolsError, OSError) as error:
            raise EditCut(
                f"the commit failed half-way: {error}",
                hint=f"make room or see to the disk, then: imgtools recover {chain[0].host_path}",
            ) from None
    try:
        remove_marker(marker)
    except OSError as error:
        raise EditCut(
            f"all is written, but the marker of the commit stays: {error}",
            hint=f"see to the disk, then: imgtools recover {marker.images[0]}",
        ) from None
    for overlay, _ in disks:
        with suppress(OSError):
            overlay.unlink(missing_ok=True)


class NotBegun(HostError):
    """A commit could not be marked: nothing of it was written."""


def _mark(marker: Marker) -> None:
    """Write the marker of a commit that has written nothing yet.

    :raises NotBegun: it cannot be written, and is gone again.
    :raises EditCut: nor can it be removed, so that the edit still counts as begun.
    """
    try:
        write_marker(marker)
    except OSError as error:
        place = sidecar_of(marker.images[0]).marker
        failed = NotBegun(f"cannot write the marker of the commit: {place}: {error.strerror}")
        try:
            remove_marker(marker)
        except OSError:
            raise EditCut(
                f"{failed.message}; nor can it be removed",
                hint=f"see to the disk, then: imgtools recover {marker.images[0]}",
            ) from None
        raise failed from None


def overlaid(info: ImageInfo, overlay: Path) -> ImageInfo:
    """Return an image as it is read with an overlay on top."""
    layer = Layer(overlay, "qcow2", info.virtual_size, 0)
    return replace(info, format="qcow2", chain=(layer, *info.chain), snapshots=())


def _growth(overlay: Path, image: Layer, size: int) -> int:
    """How many bytes an image of ``size`` may grow by when an overlay is committed: at most the overlay."""
    wanted = overlay.stat().st_blocks * 512 + (1 << 20)
    found = image.host_path.stat()
    if image.format == "raw":
        return min(wanted, max(0, max(found.st_size, size) - found.st_blocks * 512))
    return wanted


def _fingerprint(layer: Layer) -> tuple[int, int, int]:
    """What changes when someone writes to the image. A block device has no time of its own."""
    found = layer.host_path.stat()
    return (found.st_ino, found.st_size, 0 if is_block_device(layer.host_path) else found.st_mtime_ns)
