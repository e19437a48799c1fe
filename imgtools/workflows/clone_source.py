"""Images of what is no image file by itself, for clones to be made of: they are there as long as the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from imgtools.disk.image_file import Conversion, open_disk
from imgtools.disk.new_file import require_room, scratch_folder
from imgtools.disk.sources.opening import opened_request
from imgtools.errors import UsageError
from imgtools.records.image import DiskSource
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest


@contextmanager
def as_images(
    request: ImageRequest, folder: Path, *, linked: bool, progress: Progress | None = None
) -> Iterator[ImageRequest]:
    """Yield a request for images of all disks of a source, in a private folder beside the clones.

    :raises UsageError: linked clones are asked for, and there is no file that they could stand on.
    :raises NoRoom: the host has no room for the images.
    """
    if linked:
        raise UsageError(
            f"{request.name} is no image file by itself: no clone can stand on it",
            hint="imgtools convert makes an image of it, which they can stand on",
        )
    with opened_request(request, digests=True) as opened, scratch_folder(folder) as scratch:
        disks = []
        for number, source in enumerate(opened.disks):
            disk = open_disk(replace(opened, disks=(source,)))
            require_room(folder, disk.measure("qcow2").required, f"an image of {source.name}")
            made = scratch / f"template-{number}.qcow2"
            disk.convert(made, Conversion("qcow2"), progress=progress)
            disks.append(DiskSource(made, "qcow2"))
        yield replace(request, disks=tuple(disks))
