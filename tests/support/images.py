"""An image whose engine is memory, so that finding guests is tested without a disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imgtools.engine.api import Filesystem
from imgtools.image.files import GuestTree
from imgtools.image.router import Router
from imgtools.records import Declined, Disk, Engine, Layout, Mount, Partition, Volume
from tests.support.memory import Content, MemoryFilesystem, MemorySession

Files = Mapping[str, Content]


class MemoryImage:
    """What ``image.handle.Image`` offers to those who look for guests."""

    def __init__(self, session: MemorySession, booted: MemorySession | None = None) -> None:
        openers = {Engine.DIRECT: lambda: session, Engine.APPLIANCE: lambda: self._boot(booted or session)}
        self._router = Router(openers)
        self.boots = 0

    def _boot(self, session: MemorySession) -> MemorySession:
        self.boots += 1
        session.engine = Engine.APPLIANCE
        return session

    def layout(self, *, complete: bool = False) -> Layout:
        return self._router.layout(complete=complete)

    def files(self, mounts: Sequence[Mount]) -> GuestTree:
        return GuestTree(self._router.mount(mounts), self._router.served_by)

    def try_mount(self, volume: Volume) -> Filesystem | Declined:
        return self._router.try_mount(volume)

    @property
    def served_by(self) -> Engine:
        return self._router.served_by


def memory_session(
    filesystems: Mapping[Volume, Files | MemoryFilesystem], layout: Layout | None = None
) -> MemorySession:
    """A session with one in-memory filesystem a volume."""
    made = {
        volume: files if isinstance(files, MemoryFilesystem) else MemoryFilesystem(files)
        for volume, files in filesystems.items()
    }
    return MemorySession(made, layout)


def memory_image(
    filesystems: Mapping[Volume, Files | MemoryFilesystem], layout: Layout | None = None
) -> MemoryImage:
    """An image with one in-memory filesystem a volume."""
    return MemoryImage(memory_session(filesystems, layout))


def partitioned(*types: str, table: str = "gpt", device: str = "/dev/sda") -> Disk:
    """A disk with partitions 1, 2, ... of these types, 1 GiB each."""
    partitions = tuple(
        Partition(f"{device}{number}", number, number << 30, 1 << 30, kind)
        for number, kind in enumerate(types, 1)
    )
    return Disk(device, 64 << 30, table=table, partitions=partitions)
