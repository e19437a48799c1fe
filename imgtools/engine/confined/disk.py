"""The disk of a guest, opened once more in a worker: a connection to a server is for one process."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from imgtools.engine.confined.worker import Channel
from imgtools.volumes.computed_disk import ComputedDisk
from imgtools.volumes.local_file import LocalDisk
from imgtools.volumes.luks.disk import LuksDisk
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


@contextmanager
def again(disk: DiskFile) -> Iterator[Again]:
    """Yield how a worker that is started in the block opens a disk that is open here.

    It is given connections: a worker makes none.

    :raises OSError: a server has gone.
    """
    servers = list({id(one): one for one in _below(disk)}.values())
    with ExitStack() as stack:
        channels = {
            id(server): server.channel.another() for server in servers if isinstance(server, RemoteDisk)
        }
        for channel in channels.values():
            stack.callback(channel.leave)
        talks = {
            id(server): stack.enter_context(_connected(server.socket)) for server in servers if server.socket
        }

        def open_one(server: DiskServer) -> DiskServer:
            if (channel := channels.get(id(server))) is not None:
                return RemoteDisk(channel, server.size)
            if (talk := talks.get(id(server))) is not None:
                return NbdDisk(server.socket, disk.name, connected=talk.fileno())
            return server

        def open_() -> DiskFile:
            opened = {id(server): open_one(server) for server in servers}
            return _rebuilt(disk, opened)

        if talks:  # here, where its module is known already
            from imgtools.engine.qemu.block import NbdDisk
        descriptors = [channel.fileno() for channel in channels.values()]
        descriptors += [talk.fileno() for talk in talks.values()]
        reads = tuple(server.host_path for server in servers if isinstance(server, LocalDisk))
        yield Again(open_, tuple(descriptors), reads)


def _below(disk: DiskFile) -> Iterator[DiskServer]:
    """The servers that a disk's bytes come from, those below what is decrypted or put together here too."""
    for extent in disk.extents:
        if isinstance(extent.server, LuksDisk):
            yield from _below(extent.server.file)
        elif isinstance(extent.server, ComputedDisk):
            for source in extent.server.sources:
                yield from _below(source)
        else:
            yield extent.server


def _rebuilt(disk: DiskFile, opened: Mapping[int, DiskServer]) -> DiskFile:
    """The same disk over servers that were opened once more."""

    def again_of(server: DiskServer) -> DiskServer:
        if isinstance(server, ComputedDisk):
            return ComputedDisk([_rebuilt(source, opened) for source in server.sources], server.rule)
        if isinstance(server, LuksDisk):
            return server.over(_rebuilt(server.file, opened))
        return opened[id(server)]

    made = {id(one): again_of(one) for one in dict.fromkeys(extent.server for extent in disk.extents)}
    return DiskFile([Extent(made[id(one.server)], one.offset, one.length) for one in disk.extents], disk.name)


def _connected(path: str) -> socket.socket:
    talk = socket.socket(socket.AF_UNIX)
    with ExitStack() as stack:
        stack.callback(talk.close)
        talk.connect(path)
        stack.pop_all()
    return talk
