"""An image whose engine is memory, so that finding guests is tested without a disk."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from imgtools.image.handle import DiskServers, Image
from imgtools.image.router import Router
from imgtools.records.disks import Disk, Layout, Partition, Volume
from imgtools.records.request import Engine
from tests.support.memory import Content, MemoryFilesystem, MemorySession

Files = Mapping[str, Content]


class MemoryImage(Image):
    """An image over two in-memory sessions: the direct engine's, and the appliance's once it is booted."""

    def __init__(self, session: MemorySession, booted: MemorySession | None = None) -> None:
        openers = {Engine.DIRECT: lambda: session, Engine.APPLIANCE: lambda: self._boot(booted or session)}
        super().__init__((), Router(openers), DiskServers((), (), ExitStack()))
        self.boots = 0

    def _boot(self, session: MemorySession) -> MemorySession:
        self.boots += 1
        session.engine = Engine.APPLIANCE
        return session


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
