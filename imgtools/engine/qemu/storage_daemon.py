"""qemu-storage-daemon: overlays of a guest's disks open for writing, parts of them exported as files or over NBD.

One daemon holds all disks of the guest. An export as a file (FUSE) is what e2fsck, ntfs-3g and mtools work on; an
export over NBD is a drive of the appliance. Files are exported by a second daemon, over NBD from the first: a FUSE
export that can be written insists on being the only one that may resize its disk (block/export/fuse.c), so one
daemon cannot export two partitions of a disk. Flushes of the guest are not passed on to the host's disk, because an
overlay is worth nothing before the transaction syncs it as a whole.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from imgtools.engine.held_folder import HeldFolder, sweep
from imgtools.engine.kept_program import TALK, Kept
from imgtools.engine.own_files import make_own
from imgtools.engine.process import Fence, Kind
from imgtools.engine.qemu.monitor import Monitor
from imgtools.engine.qemu.nodes import (
    Node,
    chain_node,
    nbd_node,
    overlay_node,
    plain_node,
    secret_objects,
    shared_below,
    window_of_named,
)
from imgtools.errors import EngineFailed, FuseRefused, ImageInUse
from imgtools.records.image import Layer

log = logging.getLogger(__name__)

CONTROL = ("--chardev", f"socket,id=control,fd={TALK}", "--monitor", "chardev=control")


class StorageDaemon:
    """A running daemon with the nodes ``disk0``, ``disk1`` ...; see :func:`serve_overlays`."""

    def __init__(self, kept: Kept, control: socket.socket) -> None:
        self.folder = kept.folder
        self._kept = kept
        self._exports = 0
        self._serves_nbd = False
        self._files: StorageDaemon | None = None  # exports the files; started with the first of them
        self._monitor = Monitor(control, "qemu-storage-daemon", lambda: _refusal(kept.complaint()))
        self.execute = self._monitor.execute

    def export_file(self, disk: int, offset: int, size: int) -> Path:
        """Export part of a disk as a file that can be written, and return its host path."""
        name = self._add_part(disk, offset, size)
        self._serve_nbd()
        self._export_node(name)
        if self._files is None:
            self._files = _start([], Kind.EXPORTER)
        return self._files._mount(name, self.nbd_socket)

    def show_part(self, nbd_socket: str, offset: int, size: int) -> Path:
        """Export part of what a server has on a unix socket as a file that cannot be written; return its host path."""
        self.execute("blockdev-add", **nbd_node(nbd_socket).plus(("read-only", "on")).qmp("disk0"))
        part = window_of_named("disk0", offset, size).plus(("read-only", "on"))
        self.execute("blockdev-add", **part.qmp("part0"))
        return self._export_file("part0", writable=False)

    def _mount(self, name: str, nbd_socket: str) -> Path:
        """Export what another daemon serves over NBD as a file."""
        self.execute("blockdev-add", **nbd_node(nbd_socket, name).qmp(name))
        return self._export_file(name, writable=True)

    def _export_file(self, name: str, *, writable: bool) -> Path:
        host_path = self.folder / f"{name}.raw"
        os.close(make_own(host_path))
        how = {"node-name": name, "mountpoint": os.fspath(host_path), "writable": writable}
        try:
            self.execute("block-export-add", type="fuse", id=f"export-{name}", **how)
        except EngineFailed as error:
            if "FUSE session" in error.message:
                raise FuseRefused(
                    f"a volume cannot be shown as a file: {error.message}",
                    hint="imgtools doctor says what is in the way",
                ) from None
            raise
        return host_path

    def _serve_nbd(self) -> None:
        if not self._serves_nbd:
            self.execute("nbd-server-start", addr={"type": "unix", "data": {"path": self.nbd_socket}})
            Path(self.nbd_socket).chmod(0o666)  # in a folder of ours alone; clients are not root
            self._serves_nbd = True

    def _export_node(self, name: str) -> None:
        self.execute("block-export-add", type="nbd", id=name, name=name, writable=True, **{"node-name": name})

    def export_nbd(self) -> tuple[str, ...]:
        """Export every disk over NBD, as names on the socket :attr:`nbd_socket`."""
        self._serve_nbd()
        names = tuple(node["node-name"] for node in self.execute("query-named-block-nodes"))
        disks = sorted(name for name in names if name.startswith("disk"))
        for name in disks:
            self._export_node(name)
        return tuple(disks)

    @property
    def nbd_socket(self) -> str:
        """The path of the unix socket of :meth:`export_nbd`."""
        return os.fspath(self.folder / "nbd")

    def _add_part(self, disk: int, offset: int, size: int) -> str:
        name = f"part{self._exports}"
        self._exports += 1
        self.execute("blockdev-add", **window_of_named(f"disk{disk}", offset, size).qmp(name))
        return name

    def close(self) -> None:
        """Take the exports back, write everything into the overlays, and end."""
        try:
            if self._files is not None:
                self._files.close()
            self.execute("quit")
        except (EngineFailed, ImageInUse) as error:
            log.debug("qemu-storage-daemon had ended already: %s", error)
        finally:
            self._monitor.close()
            self._kept.end()


def _refusal(words: str) -> EngineFailed | ImageInUse:
    # Two lines: Failed to get "write" lock; Is another process using the image [disk.qcow2]?
    if ("lock" in words and "Failed to get" in words) or "Is another process using the image" in words:
        return ImageInUse(
            "the image is open for writing in another program",
            hint="shut the guest down first; writing to a running guest's disk destroys it",
        )
    return EngineFailed(f"qemu-storage-daemon ended: {words.removeprefix('qemu-storage-daemon: ')}")


@contextmanager
def serve_overlays(
    disks: Sequence[tuple[Path, Sequence[Layer]]], *, share: bool = False
) -> Iterator[StorageDaemon]:
    """Run a daemon over overlays (each with the chain of its image) until the block ends.

    :param share: read images that another program writes to, as a running guest does; for overlays that are
        thrown away.
    :raises ImageInUse: another program has one of the images open for writing.
    :raises EngineFailed: the daemon does not start.
    """
    nodes = [overlay_node(overlay, chain_node(chain)) for overlay, chain in disks]
    with serve_nodes([shared_below(node) if share else node for node in nodes]) as daemon:
        yield daemon


@contextmanager
def serve_part(nbd_socket: str, offset: int, size: int) -> Iterator[Path]:
    """Show part of a disk that a server has on a unix socket as a file, until the block ends; it cannot be written.

    :raises EngineFailed: the daemon does not start, or FUSE refuses.
    """
    sweep()
    daemon = _start([], Kind.EXPORTER)
    try:
        yield daemon.show_part(nbd_socket, offset, size)
    finally:
        daemon.close()


def serve_new_image(host_path: Path, format: str) -> AbstractContextManager[StorageDaemon]:
    """Run a daemon over an image that we have just made ourselves, without a backing file, until the block ends.

    :raises EngineFailed: the daemon does not start.
    """
    return serve_nodes([plain_node(host_path, format)])


@contextmanager
def serve_nodes(nodes: Sequence[Node], *, flushes: bool = False) -> Iterator[StorageDaemon]:
    """Run a daemon over any nodes until the block ends; the secrets of two of them need different ids.

    :param flushes: as :meth:`Node.blockdev`.
    :raises EngineFailed: the daemon does not start.
    """
    sweep()
    daemon = _start(nodes, flushes=flushes)
    try:
        yield daemon
    finally:
        daemon.close()


def _start(nodes: Sequence[Node], kind: Kind = Kind.DAEMON, *, flushes: bool = False) -> StorageDaemon:
    """Start a daemon over some nodes, or over nothing yet."""
    ours, theirs = socket.socketpair()
    with ExitStack() as stack, theirs:
        stack.callback(ours.close)
        with secret_objects([secret for node in nodes for secret in node.secrets]) as (objects, descriptors):
            argv = ["qemu-storage-daemon", *objects, *_blockdevs(nodes, flushes=flushes), *CONTROL]
            fence = Fence(kind, writes=tuple(path for node in nodes for path in node.files))
            kept = Kept(argv, fence, HeldFolder(), talk=theirs.fileno(), keep_open=descriptors)
        theirs.close()
        stack.callback(kept.end)
        daemon = StorageDaemon(kept, ours)
        stack.pop_all()
    return daemon


def _blockdevs(nodes: Sequence[Node], *, flushes: bool) -> list[str]:
    named = (node.blockdev(f"disk{number}", flushes=flushes) for number, node in enumerate(nodes))
    return [word for one in named for word in ("--blockdev", one)]
