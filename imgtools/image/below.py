"""Write below the files of a guest: partition tables, volumes, filesystems that are made anew.

All of it goes to overlays. With a target that writes they belong to the transaction of an edit; without one they are
thrown away, and what the plan says has been tried on them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from imgtools.disk.sources.opening import refuse_sources
from imgtools.disk.transaction.filling import settle, told_if_full
from imgtools.disk.transaction.transaction import overlaid
from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.mkfs import NewFilesystem, command_of, make_filesystem, require_makeable
from imgtools.engine.process import require
from imgtools.engine.qemu.overlay import create_overlay
from imgtools.engine.qemu.storage_daemon import serve_overlays
from imgtools.engine.signatures import clear_signatures as clear_volume
from imgtools.engine.signatures import empty
from imgtools.engine.volume_size import least_size
from imgtools.errors import ToolMissing, UnsupportedFormat
from imgtools.image.edit import ImageEdit, edit_request
from imgtools.image.handle import Image, open_examined, open_request
from imgtools.records.deeds import Deed
from imgtools.records.disks import ENCRYPTED, Declined, Layout
from imgtools.records.image import Layer
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target

# number of the disk, offset and bytes on it -> a file of the host that can be written
Export = Callable[[int, int, int], Path]
SECTOR = 512

NOTHING = "none"

__all__ = [
    "Below",
    "Export",
    "NewFilesystem",
    "clear_volume",
    "empty",
    "has_program",
    "in_appliance",
    "least_size_of",
    "make_filesystem",
    "open_below",
    "require_makeable",
]


class Below:
    """An image whose disks can be written as they are, below all files. See :func:`open_below`."""

    def __init__(self, image: Image, request: ImageRequest, stack: ExitStack) -> None:
        self._image = image
        self._request = request
        self._stack = stack
        self._disks: tuple[tuple[Path, tuple[Layer, ...]], ...] = ()

    @property
    def image(self) -> Image:
        """The image as it was before."""
        return self._image

    @property
    def layout(self) -> Layout:
        """What its disks held before."""
        return self._image.layout()

    @property
    def disks(self) -> tuple[tuple[Path, tuple[Layer, ...]], ...]:
        """Each overlay with the chain of the image below it; made when they are first asked for."""
        if not self._disks:
            if isinstance(self._image, ImageEdit):
                self._image._transaction.begin()
                self._disks = self._image._overlays
            else:
                folder = self._stack.enter_context(scratch_folder())
                self._disks = tuple(
                    (folder / f"overlay{number}", info.chain) for number, info in enumerate(self._image.infos)
                )
                for overlay, chain in self._disks:
                    create_overlay(overlay, chain[0])
        return self._disks

    @contextmanager
    def parts(self) -> Iterator[Export]:
        """Yield what gives parts of the disks as files; at the end, all that was written is in the overlays.

        :raises NoRoom: the host has filled up meanwhile.
        """
        share = not isinstance(self._image, ImageEdit)
        with told_if_full(self.disks[0][0]), serve_overlays(self.disks, share=share) as daemon:
            yield daemon.export_file
            for number in range(len(self.disks)):
                settle(daemon.export_file(number, 0, SECTOR))

    def place_of(self, device: str) -> tuple[int, int, int] | Declined:
        """Return where a volume or disk is: number of the disk, offset and size; declined if it is in pieces."""
        reader, _ = self._image._on_disk()
        return reader.place_of(device)

    def boot(self, deeds: Sequence[Deed]) -> None:
        """Have the appliance carry scripts out on the overlays, one after the other.

        :raises RolledBack: one of them fails.
        :raises NoRoom: the host has filled up meanwhile.
        """
        from imgtools.engine.appliance.deeds import carry_out_deeds  # which partitions do without

        layout = self.layout
        with told_if_full(self.disks[0][0]):
            carry_out_deeds(
                self.disks,
                deeds,
                locked=[one for one in layout.volumes if one.content in ENCRYPTED],
                keys=self._request.keys,
                sector_sizes=[disk.sector_size for disk in layout.disks],
            )

    def require_room(self, wanted: int) -> None:
        """Make sure that the overlays may grow by so many bytes.

        :raises NoRoom: they may not.
        """
        if isinstance(self._image, ImageEdit):
            self._image._transaction.require_room(wanted)

    @contextmanager
    def afterwards(self) -> Iterator[Image]:
        """Open the disks as the overlays leave them, read by our own readers."""
        pairs = zip(self._image.infos, self.disks, strict=True)
        infos = [overlaid(info, overlay) for info, (overlay, _) in pairs]
        with open_examined(infos, self._request.keys, Engine.DIRECT) as image:
            yield image

    def commit(self, progress: Progress | None = None) -> str:
        """Make what is on the overlays count, if it is to; returns the host path of a new image, or nothing.

        :raises EditCut: the commit failed half-way; ``imgtools recover`` finishes it.
        """
        if not isinstance(self._image, ImageEdit):
            return ""
        if self._disks:
            self._image._take_over()
        self._image._let_go()
        self._image.commit(progress=progress)
        return self._image.output


@contextmanager
def open_below(request: ImageRequest, target: Target) -> Iterator[Below]:
    """Open an image to write below its files. What was not committed when the block ends never happened.

    :raises UnsupportedFormat: it cannot be written; an encrypted image is only read.
    :raises ImgtoolsError: as :func:`imgtools.image.edit.edit_image`.
    """
    with ExitStack() as stack:
        if target.is_dry_run:
            refuse_sources(request.disks)
            image: Image = stack.enter_context(open_request(request))
            for layer in (layer for info in image.infos for layer in info.chain):
                if layer.encryption or layer.format == "luks":
                    raise UnsupportedFormat(
                        f"{layer.name} is an encrypted image: it can be read, not edited",
                        hint="imgtools convert makes an image without encryption",
                    )
        else:
            image = stack.enter_context(edit_request(request, target))
        yield Below(image, request, stack)


def has_program(kind: str) -> bool:
    """Whether the host has the program that makes a kind of filesystem; that of none is always there."""
    if kind == NOTHING:
        return True
    try:
        require(command_of(NewFilesystem(kind), "")[0])
    except ToolMissing:
        return False
    return True


def in_appliance(below: Below, device: str, new: NewFilesystem) -> None:
    """Make a filesystem in the appliance: in a volume that is in pieces, or by a program that the host lacks."""
    script = "blkdiscard -z $D 2>/dev/null || wipefs -a -f $D"
    if new.kind != NOTHING:
        script += f"; {shlex.join(command_of(new, '')[:-1])} $D"
    below.boot([Deed(f"make {new.kind} on {device}", script, device)])


def least_size_of(below: Below, device: str, content: str) -> int | Declined:
    """Return the bytes below which a filesystem cannot shrink, as its program says; declined where it lies in pieces.

    :raises EditFailed: the filesystem is not in order.
    """
    place = below.place_of(device)
    if isinstance(place, Declined):
        return place
    with below.parts() as export:
        return least_size(export(*place), content)
