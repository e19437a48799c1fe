"""The other ways in which Windows calls a file of NTFS: by its short name, and by one of its streams."""

from __future__ import annotations

from typing import Protocol

from imgtools.filesystems.inodes import InodeFilesystem, InodeReader, mount_reader
from imgtools.records.disks import Declined


class NamesReader(InodeReader, Protocol):
    """What the reader of NTFS knows besides."""

    def short_name(self, inode: int, name: str) -> int | None:
        """Return the file with a short name beside its own in a directory; None if there is none."""

    def stream_number(self, inode: int, name: str) -> int | None:
        """Return the number of an alternate stream of a file."""


def mount_names(device: str, reader: NamesReader) -> NtfsFilesystem | Declined:
    """Mount what ``reader`` reads, if its root is a directory."""
    mounted = mount_reader(device, reader)
    return mounted if isinstance(mounted, Declined) else NtfsFilesystem(reader)


class NtfsFilesystem(InodeFilesystem):
    """A mounted NTFS. ``PROGRA~1`` and ``file.txt:stream`` lead somewhere too, and are in no listing."""

    def __init__(self, reader: NamesReader) -> None:
        super().__init__(reader)
        self._ntfs = reader

    def _child(self, inode: int, name: str) -> int | None:
        found = super()._child(inode, name)
        if found is not None or inode not in self._directories:
            return found
        if (
            "~" in name and ":" not in name
        ):  # short names without one are those of files that Windows did not name
            return self._ntfs.short_name(inode, name)
        file, colon, stream = name.partition(":")
        child = self._child(inode, file) if file and colon else None
        stream = stream.removesuffix(":$DATA")
        if child is None or not stream:
            return child
        return self._ntfs.stream_number(child, stream)
