"""The direct engine's writing half: volumes of the overlays as files, and the programs that write to them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from imgtools.engine.direct.session import DirectSession
from imgtools.engine.qemu.storage_daemon import StorageDaemon, serve_overlays
from imgtools.errors import EditConflict, EditFailed, FuseRefused
from imgtools.filesystems.api import CannotWrite, Filesystem, FilesystemWriter
from imgtools.records.disks import Declined, Volume
from imgtools.records.image import Layer
from imgtools.records.request import Engine
from imgtools.volumes.volume_file import DiskFile


class Writer(FilesystemWriter, Protocol):
    """A filesystem writer that is ended in one of two ways."""

    def finish(self) -> None:
        """Write everything, let go, and have the filesystem checked; raises RolledBack if it is not clean."""

    def abandon(self) -> None:
        """Let go without caring for what was written; never raises."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How filesystems of one kind are written: why one is not, the writer of a file that is one, its checker."""

    refuse: Callable[[DiskFile], Declined | None]
    open: Callable[[Path, str], Writer]
    check: Callable[[Path, str], None]


def _ext() -> _Kind:
    from imgtools.engine.confined.ext import ExtWriter
    from imgtools.engine.direct.e2fsck import check_ext
    from imgtools.filesystems.ext.features import refuse_ext

    return _Kind(refuse_ext, partial(ExtWriter, check=check_ext), check_ext)


def _ntfs() -> _Kind:
    from imgtools.engine.direct.write_ntfs import NtfsWriter, check_ntfs, refuse_ntfs

    return _Kind(refuse_ntfs, NtfsWriter, check_ntfs)


def _fat() -> _Kind:
    from imgtools.engine.direct.write_fat import FatWriter, check_fat, refuse_fat

    return _Kind(refuse_fat, FatWriter, check_fat)


KINDS: dict[str, Callable[[], _Kind]] = {
    "ext2": _ext,
    "ext3": _ext,
    "ext4": _ext,
    "ntfs": _ntfs,
    "vfat": _fat,
}


class DirectWriteSession:
    """Overlays open for writing; implements :class:`imgtools.engine.api.WriteSession`.

    :param reader: knows where on the disks the volumes are.
    """

    engine = Engine.DIRECT

    def __init__(self, daemon: StorageDaemon, reader: DirectSession) -> None:
        self._daemon = daemon
        self._reader = reader
        self._writers: dict[str, Writer] = {}

    def mount(self, volume: Volume, options: str = "") -> FilesystemWriter | Declined:
        """Open ``volume`` for writing, or say why not."""
        if volume.device in self._writers:
            return self._writers[volume.device]
        if volume.content not in KINDS:
            return Declined(volume.device, f"{volume.content or 'it'} is written by the appliance only")
        file, place = self._reader.volume_file(volume.device), self._reader.place_of(volume.device)
        if isinstance(place, Declined):
            return place
        kind = KINDS[volume.content]()
        refused = None if file is None else kind.refuse(file)
        if refused is not None:
            return refused
        try:
            writer = kind.open(self._daemon.export_file(*place), volume.device)
        except FuseRefused as error:
            return Declined(volume.device, error.message)
        self._writers[volume.device] = writer
        return writer

    def new_lvm_uuids(self, groups: Sequence[str], keep_groups: Sequence[str]) -> Declined | None:
        """Give volume groups and their physical volumes new UUIDs, or say why not.

        :raises EditFailed: the metadata is damaged, or a physical volume is not in the image.
        """
        from imgtools.volumes.lvm_uuids import renew_uuids

        places: dict[str, tuple[int, int, int]] = {}
        for pv in self._reader.layout().pvs:
            place = self._reader.place_of(pv.device)
            if isinstance(place, Declined):
                return place
            places[pv.device] = place
        with ExitStack() as stack:
            volumes = {
                device: stack.enter_context(self._daemon.export_file(*place).open("r+b"))
                for device, place in places.items()
            }
            renew_uuids(volumes, groups, keep_groups)
        return None

    def write_disk(self, device: str, offset: int, content: bytes, before: str = "") -> None:
        """Write over bytes of a disk or volume.

        :raises CannotWrite: it is in several pieces, or nobody here sees it.
        :raises EditConflict: other bytes than the plan saw are there now.
        :raises EditFailed: they lie behind its end.
        """
        place = self._reader.place_of(device)
        if isinstance(place, Declined):
            raise CannotWrite(place)
        if not 0 <= offset <= offset + len(content) <= place[2]:
            raise EditFailed(f"{device} has {place[2]} bytes: nothing can be written at {offset}")
        with self._daemon.export_file(*place).open("r+b", buffering=0) as stream:
            stream.seek(offset)
            if before and hashlib.sha256(stream.read(len(content))).hexdigest() != before:
                raise EditConflict(
                    f"{device} has other bytes at {offset} than the plan was made for", hint="make it again"
                )
            stream.seek(offset)
            stream.write(content)
            os.fsync(stream.fileno())

    def finish(self) -> None:
        """Write everything and have every filesystem checked.

        :raises RolledBack: one is not clean.
        """
        while self._writers:
            device, writer = next(iter(self._writers.items()))
            writer.finish()
            del self._writers[device]

    def check(self, volume: Volume) -> None:
        """Have a filesystem checked that was not opened for writing.

        :raises RolledBack: it is not clean as it is.
        """
        place = self._reader.place_of(volume.device)
        if volume.content in KINDS and not isinstance(place, Declined):
            KINDS[volume.content]().check(self._daemon.export_file(*place), volume.device)

    def reread(self, volume: Volume, options: str = "") -> Filesystem | Declined:
        """What was written is read again by the reading half, when this one has let go."""
        return Declined(volume.device, "it is still open for writing")

    def close(self) -> None:
        """Let everything go; what was not finished is of no use."""
        while self._writers:
            self._writers.popitem()[1].abandon()


@contextmanager
def open_direct_writer(
    disks: Sequence[tuple[Path, Sequence[Layer]]], reader: DirectSession
) -> Iterator[DirectWriteSession]:
    """Open overlays for writing until the block ends.

    :param disks: each overlay, with the chain of the image below it.
    :raises ImageInUse: another program has one of the images open for writing.
    """
    with serve_overlays(disks) as daemon:
        session = DirectWriteSession(daemon, reader)
        try:
            yield session
        finally:
            session.close()
