"""An overlay that fills up its host's disk while programs write to it: told as what it is."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgtools.disk.new_file import free_room
from imgtools.errors import (
    ApplianceFailed,
    BadImage,
    EditFailed,
    EngineFailed,
    ImgtoolsError,
    NoRoom,
    RolledBack,
)

FULL = 1 << 20  # bytes: with less, an overlay that grows by clusters of 64 KiB has come to its end
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def told_if_full(host_path: Path) -> Iterator[None]:
    """Tell a program's failure as what it is, if the host has no room where the file grows.

    :raises NoRoom: it has none; programs of filesystems call that anything from an I/O error to damage.
    """
    try:
        yield
    except BadImage as error:
        _name(error, host_path)
        raise
    except (ApplianceFailed, EngineFailed, EditFailed, RolledBack, OSError) as error:
        free = free_room(host_path.parent)
        if free >= FULL and getattr(error, "errno", None) not in FULL_DISK:
            _name(error, host_path)
            raise
        raise NoRoom(
            f"the host has filled up meanwhile, {free} bytes are left: nothing was kept",
            hint="make room beside the image, and try again",
        ) from None


def _name(error: Exception, host_path: Path) -> None:
    """Say which image it is that the host's disk fails, where only a part of it, or a scratch file, is named."""
    if not isinstance(error, ImgtoolsError) or str(host_path) in error.message:
        return
    if os.strerror(errno.EIO) in error.message:
        error.message = f"{host_path}: {error.message}"


def settle(host_path: Path) -> None:
    """Let the image take all that was written to it, which an exported file says what became of.

    The tables of a qcow2 are written late: at the end of the daemon nobody would hear that there is no room.
    """
    try:
        with host_path.open("r+b") as stream:
            os.fsync(stream.fileno())
    except OSError as error:
        if error.errno in FULL_DISK:
            raise
        raise EngineFailed(f"the image does not take what was written to it: {error.strerror}") from None
