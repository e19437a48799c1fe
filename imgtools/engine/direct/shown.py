"""Any volume as a file of the host that cannot be written: for the filesystems' own programs.

A volume in one piece of a served disk is exported as it is. What lies in pieces, or is decrypted here, is served by a
thread of ours in between.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.qemu.storage_daemon import serve_part
from imgtools.engine.remote.nbd_server import serve_on
from imgtools.engine.remote.origin import Stretch
from imgtools.errors import ImgtoolsError
from imgtools.volumes.volume_file import DiskFile


@contextmanager
def shown(file: DiskFile) -> Iterator[Path]:
    """Show a volume as a file until the block ends.

    :raises EngineFailed: the storage daemon does not start, or FUSE refuses.
    """
    extent = file.extents[0]
    if len(file.extents) == 1 and extent.server.socket:
        with serve_part(extent.server.socket, extent.offset, extent.length) as host_path:
            yield host_path
        return
    with scratch_folder() as folder, socket.socket(socket.AF_UNIX) as listener:
        name = os.fspath(folder / "nbd")
        listener.bind(name)
        listener.listen()
        threading.Thread(target=_serve, args=(listener, _Served(file)), name="nbd", daemon=True).start()
        try:
            with serve_part(name, 0, file.size) as host_path:
                yield host_path
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # who waits for a client stops to


def _serve(listener: socket.socket, served: _Served) -> None:
    with suppress(OSError):
        serve_on(listener, served)


class _Served:
    """A volume as the server wants it."""

    def __init__(self, file: DiskFile) -> None:
        self._file = file
        self.size = file.size

    def read(self, offset: int, length: int) -> bytes:
        try:
            return self._file.read_past_cache(offset, length)
        except ImgtoolsError:
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from None

    def kept(self, offset: int, length: int) -> bytes | None:
        return None

    def stretches(self, offset: int, length: int) -> Sequence[Stretch]:
        return ()
