"""Whether a QEMU program has an image open, by the locks that QEMU puts on it.

QEMU locks single bytes of the file, one for each permission that it holds and one for each that it does not share
(``RAW_LOCK_PERM_BASE`` and ``RAW_LOCK_SHARED_BASE`` in block/file-posix.c). Asking for them takes microseconds and
changes nothing, and works on every format, because the locks are on the file.
"""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

from imgtools.disk.headers.hostfile import HostFile, open_host_file
from imgtools.errors import HostError, ImageInUse
from imgtools.records.image import DiskSource

_WRITE = 1  # the bit of BLK_PERM_WRITE
_HELD, _NOT_SHARED = 100, 200  # the first lock byte of each kind
LOOPS = Path("/sys/block")  # where the kernel lists loop devices
_FLOCK = "@hhqqi"  # struct flock: l_type, l_whence, l_start, l_len, l_pid (0 for open file description locks)


def _locked(file: HostFile, byte: int) -> bool:
    """Whether anyone else holds a lock on one byte."""
    question = struct.pack(_FLOCK, fcntl.F_WRLCK, 0, byte, 1, 0)
    try:
        answer = fcntl.fcntl(file.fileno(), fcntl.F_OFD_GETLK, question)
    except OSError:  # a filesystem without locks: nobody can hold one
        return False
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)


def has_writer(file: HostFile) -> bool:
    """Whether a QEMU program has this file open for writing, as a running guest has."""
    return _locked(file, _HELD + _WRITE)


def is_in_use(host_path: Path) -> bool:
    """Whether writing to the image now would hurt a QEMU program: one that writes it, or reads and relies on it."""
    with open_host_file(host_path) as file:
        return has_writer(file) or _locked(file, _NOT_SHARED + _WRITE)


def refuse_writer(host_path: Path) -> None:
    """Make sure that no QEMU program writes to the image: enough for what only reads it.

    :raises ImageInUse: one does.
    """
    with open_host_file(host_path) as file:
        _refuse_writer(file, host_path)


def refuse_held(source: DiskSource) -> None:
    """Make sure that what names the disk lets it be written.

    :raises ImageInUse: its domain runs, or will go on with what the disk holds now.
    :raises HostError: its domain's definition calls it read-only.
    """
    if source.held is not None:
        error = ImageInUse if source.held.is_live else HostError
        raise error(f"{source.held.text}: {source.name} is not written", hint=source.held.hint)


def keep_writers_out(file: HostFile, host_path: Path) -> None:
    """Have QEMU programs refuse to write to a file as long as it is open here, as one of them does that reads it.

    :raises ImageInUse: one writes to it already.
    """
    _refuse_writer(file, host_path)
    shared = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, _NOT_SHARED + _WRITE, 1, 0)
    with suppress(OSError):  # a filesystem without locks
        fcntl.fcntl(file.fileno(), fcntl.F_OFD_SETLK, shared)
    _refuse_writer(file, host_path)  # one that came in between


def refuse_in_use(host_path: Path) -> None:
    """Make sure that no QEMU program has the image open, and that the host does not use it as a disk.

    :raises ImageInUse: one has, or it does.
    """
    _refuse_host_use(host_path)
    with open_host_file(host_path) as file:
        _refuse_writer(file, host_path)
        if _locked(file, _NOT_SHARED + _WRITE):
            raise ImageInUse(
                f"{host_path} is being read by a QEMU program that relies on it not changing",
                hint="wait until that program has ended",
            )


def _refuse_host_use(host_path: Path) -> None:
    """Make sure that the host itself does not use a file as a disk, by a loop device: QEMU's locks do not tell.

    :raises ImageInUse: it does.
    """
    real = os.path.realpath(host_path)
    for place in sorted(LOOPS.glob("loop*/loop/backing_file")):
        try:
            used = place.read_bytes().rstrip(b"\n")
        except OSError:  # the device is let go at this moment
            continue
        if os.path.realpath(used) == os.fsencode(real):
            device = f"/dev/{place.parents[1].name}"
            raise ImageInUse(
                f"{host_path} is used by the host as {device}", hint=f"unmount it, then: losetup -d {device}"
            )


def _refuse_writer(file: HostFile, host_path: Path) -> None:
    if has_writer(file):
        raise ImageInUse(
            f"{host_path} is open for writing in a QEMU program",
            hint="shut the guest down first; writing to a running guest's disk destroys it",
        )
