"""Drivers on the host: a folder of them, or the disc image that they come on, read without mounting it.

virtio-win's disc has ``viostor/w10/amd64/viostor.inf`` and its like, but folders are named in many ways. So what a
driver is for is read in its INF file (:mod:`imgtools.guest.windows.driver_choice`), and here is only where files are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imgtools.errors import BadImage, HostError, OddGuest
from imgtools.filesystems.iso.reader import IsoReader, find_disc
from imgtools.records.files import FileKind
from imgtools.volumes.local_file import LocalDisk
from imgtools.volumes.volume_file import DiskFile

MOST_FILES = 100_000  # virtio-win's disc has some 3,000
DEEPEST = 16  # folders in each other
LARGEST = 64 << 20  # bytes of one file


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a file are on the host: ``size`` of a file's from ``offset`` on."""

    host_path: Path
    offset: int
    size: int


class DriverSource(Protocol):
    """Files by their paths, with ``/``, from the top of the folder or disc on."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    def paths(self) -> Iterator[str]:
        """Yield the paths of all regular files.

        :raises HostError: there are too many.
        """

    def place(self, path: str) -> Place:
        """Return where a file is.

        :raises HostError: it cannot be read.
        """


def read_place(place: Place, name: str) -> bytes:
    """Return the content of a file.

    :raises HostError: it cannot be read, or is larger than any driver's.
    """
    if place.size > LARGEST:
        raise HostError(
            f"{name} has {place.size} bytes", hint=f"no file of a driver has more than {LARGEST >> 20} MiB"
        )
    try:
        with place.host_path.open("rb") as stream:
            stream.seek(place.offset)
            content = stream.read(place.size)
    except OSError as error:
        raise HostError(f"cannot read {name}: {error.strerror}") from None
    if len(content) < place.size:
        raise HostError(
            f"{name} ends at byte {len(content)} of {place.size}", hint="the disc image is cut short"
        )
    return content


def open_source(host_path: Path) -> DriverSource:
    """Return the drivers in a folder, or on a disc image.

    :raises HostError: there is no such file or folder, or it cannot be read.
    :raises BadImage: the file is no disc image (ISO 9660).
    """
    with _readable(host_path):
        if host_path.is_dir():
            return DriverFolder(host_path)
        if not host_path.is_file():
            raise HostError(f"no such file or folder on the host: {host_path}")
        disk = DiskFile.whole(LocalDisk(host_path), str(host_path))
        disc = find_disc(disk)
    if isinstance(disc, str):
        raise BadImage(
            f"no disc image of drivers: {host_path}: {disc}",
            hint="virtio-win.iso, or a folder with its files",
        )
    return DriverDisc(host_path, IsoReader(disk, disc))


class DriverFolder:
    """Implements :class:`DriverSource` over a folder; links are followed, as packages have them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)

    def paths(self) -> Iterator[str]:
        """Yield the paths of all regular files; a folder that is met again, through a link, is not entered."""
        count, seen = 0, set[tuple[int, int]]()
        for top, folders, files in os.walk(self._folder, followlinks=True, onerror=_refuse):
            here = Path(top)
            with _readable(here):
                found = here.stat()
                regular = [name for name in sorted(files) if (here / name).is_file()]
            below = here.relative_to(self._folder)
            if (found.st_dev, found.st_ino) in seen or len(below.parts) >= DEEPEST:
                folders.clear()
                continue
            seen.add((found.st_dev, found.st_ino))
            folders.sort()
            for name in regular:
                count = _counted(count, self.name)
                yield (below / name).as_posix()

    def place(self, path: str) -> Place:
        """Return a file of the folder."""
        host_path = (self._folder / path).absolute()
        with _readable(host_path):
            return Place(host_path, 0, host_path.stat().st_size)


@contextmanager
def _readable(host_path: Path) -> Iterator[None]:
    """Name what the host does not let be read.

    :raises HostError: so it is.
    """
    try:
        yield
    except OSError as error:
        raise HostError(f"cannot read {host_path}: {error.strerror}") from None


def _refuse(error: OSError) -> None:
    raise HostError(f"cannot read {error.filename}: {error.strerror}") from None


def _counted(count: int, name: str) -> int:
    if count >= MOST_FILES:
        raise HostError(f"{name} has more than {MOST_FILES} files", hint="name the folder of the drivers")
    return count + 1


class DriverDisc:
    """Implements :class:`DriverSource` over an ISO 9660 image."""

    def __init__(self, host_path: Path, reader: IsoReader) -> None:
        self._host_path = host_path.absolute()
        self._reader = reader
        self._inodes: dict[str, int] = {}
        self.name = str(host_path)

    def paths(self) -> Iterator[str]:
        """Yield the paths of all regular files of the disc."""
        count, seen, todo = 0, {self._reader.root}, [("", self._reader.root)]
        while todo:
            folder, number = todo.pop()
            with _named(self.name):
                names = self._reader.names(number)
            for name, inode in sorted(names.items()):
                count = _counted(count, self.name)
                path = f"{folder}{name}"
                with _named(self.name):
                    kind = self._reader.stat(inode).kind
                if kind is FileKind.FILE:
                    self._inodes[path] = inode
                    yield path
                elif kind is FileKind.DIRECTORY and inode not in seen and folder.count("/") < DEEPEST:
                    seen.add(inode)
                    todo.append((f"{path}/", inode))

    def place(self, path: str) -> Place:
        """Return where on the disc a file is, which :meth:`paths` told of."""
        with _named(self.name):
            found = self._reader.stretch(self._inodes[path])
        if found is None:
            raise HostError(
                f"{self.name}: {path} is packed, or in several pieces", hint="copy the files into a folder"
            )
        return Place(self._host_path, *found)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Name a disc image that is damaged.

    :raises BadImage: it is.
    """
    try:
        yield
    except OddGuest as error:
        raise BadImage(f"damaged disc image {name}: {error.message}", hint="fetch it once more") from None
    except OSError as error:
        raise HostError(f"cannot read {name}: {error.strerror}") from None
