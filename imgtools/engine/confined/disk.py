"""The disk of a guest, opened once more in a worker: a connection to a server is for one process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from imgtools.engine.confined.worker import Channel
from imgtools.volumes.local_file import LocalDisk
from imgtools.volumes.volume_file import DiskFile, DiskServer, Extent


class RemoteDisk:
    """A disk that a worker reads; implements :class:`imgtools.engine.api.DiskServer`, but serves nobody else."""

    socket = ""
    warning = ""

    def __init__(self, channel: Channel, size: int) -> None:
        self.channel = channel
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset``; fewer only at the end of the disk."""
        return bytes(self.channel.ask("read", offset, length))


class Again(NamedTuple):
    """How a worker gets at a disk: ``open`` is for it to call, with what it keeps open and may read."""

    open: Callable[[], DiskFile]
    descriptors: tuple[int, ...]
    reads: tuple[Path, ...]


def again(disk: DiskFile) -> Again:
    """Return how a worker opens a disk that is open here."""
    servers = list({id(extent.server): extent.server for extent in disk.extents}.values())
    channels = {id(server): server.channel.another() for server in servers if isinstance(server, RemoteDisk)}
    descriptors = tuple(channel.fileno() for channel in channels.values())
    reads = tuple(server.host_path for server in servers if isinstance(server, LocalDisk))

    def open_() -> DiskFile:
        opened = {id(server): _opened(server, disk.name, channels.get(id(server))) for server in servers}
        return DiskFile(
            [Extent(opened[id(one.server)], one.offset, one.length) for one in disk.extents], disk.name
        )

    return Again(open_, descriptors, reads)


def _opened(server: DiskServer, name: str, channel: Channel | None) -> DiskServer:
    from imgtools.engine.qemu.block import NbdDisk

    if channel is not None:
        return RemoteDisk(channel, server.size)
    return NbdDisk(server.socket, name) if server.socket else server
