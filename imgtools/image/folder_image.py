"""A folder of the host in the place of an image: the root of a system that was unpacked, mounted, or built there.

It has files, and nothing below them: no disks, no partitions, no filesystem of its own. Links are those of the system
in it and are followed inside the folder alone (:mod:`imgtools.files.host_root`); nothing writes to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NoReturn

from imgtools.engine.api import Session
from imgtools.errors import GuestFileError, UnsupportedFormat, UsageError
from imgtools.files.host_root import HostRoot
from imgtools.filesystems.api import Filesystem
from imgtools.image.handle import DiskServers, Image
from imgtools.image.router import Router
from imgtools.records.disks import Declined, Holder, Layout, Volume
from imgtools.records.image import DiskSource, ImageInfo, Layer
from imgtools.records.request import Engine
from imgtools.records.usage import Usage

FOLDER = "folder"  # its format, and the content of its one volume
DEVICE = "/dev/sda"  # what its one volume is called, as if it were a disk with a filesystem and nothing else


class FolderImage(Image):
    """A folder as an image without disks."""

    def try_usage(self, volume: Volume) -> Usage | Declined:
        """Nobody can tell: the room is that of the host's filesystem.

        :raises UnsupportedFormat: always.
        """
        raise no_disks(self.infos[0].source, "no filesystem of its own", "df(1) tells of the host's")

    def _booted(self) -> NoReturn:
        raise no_disks(self.infos[0].source)

    def _on_disk(self) -> NoReturn:
        raise no_disks(self.infos[0].source)


class FolderSession:
    """Implements :class:`imgtools.engine.api.Session` over a folder; and what is asked of a direct session."""

    engine = Engine.DIRECT

    def __init__(self, source: DiskSource) -> None:
        self._root = _Root(source.host_path)
        self._volume = Volume(DEVICE, Holder.DISK, 0, FOLDER)

    def layout(self) -> Layout:
        """There is one volume."""
        return Layout((), volumes=(self._volume,))

    def mount(self, volume: Volume, options: str = "") -> Filesystem | Declined:
        """Return the folder."""
        return self._root

    def volume_file(self, device: str) -> None:
        """There are no bytes of a disk."""

    disk_file = volume_file

    def close(self) -> None:
        """Nothing is open."""


class _Root(HostRoot):
    """The folder as a filesystem that has no numbers of its own."""

    def usage(self) -> Usage:
        raise GuestFileError("a folder has no filesystem of its own: how full it is nobody can say", path="/")


def no_disks(
    source: DiskSource, what: str = "no disks", hint: str = "name a disk image"
) -> UnsupportedFormat:
    """The error for what cannot be done with a folder."""
    return UnsupportedFormat(f"{source.name} is a folder: it has {what}", hint=hint)


@contextmanager
def open_folder(source: DiskSource, others: Sequence[DiskSource], engine: Engine) -> Iterator[Image]:
    """Open a folder for reading; see :func:`imgtools.image.handle.open_image`.

    :raises UsageError: options are given that are for images, or further disks.
    :raises HostError: it cannot be read.
    """
    if others or source.snapshot or source.format:
        raise UsageError(f"{source.name} is a folder: it has no disks, no format and no snapshots")
    if engine is Engine.APPLIANCE:
        raise UsageError(
            f"{source.name} is a folder, which nothing is booted for", hint="leave --engine away"
        )
    session = FolderSession(source)

    def direct() -> Session:
        return session

    def appliance() -> Session:
        raise no_disks(source)

    layer = Layer(source.host_path, FOLDER, 0, 0)
    info = ImageInfo(source, FOLDER, 0, 0, (layer,))
    with ExitStack() as stack:
        router = Router({Engine.DIRECT: direct, Engine.APPLIANCE: appliance}, Engine.DIRECT)
        stack.callback(router.close)
        yield FolderImage([info], router, DiskServers([info], (), stack))
