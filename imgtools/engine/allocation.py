"""What of a host's file is on its filesystem: blocks taken before they are written, holes, the filesystem's type."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

KEEP_SIZE, PUNCH_HOLE = 1, 2  # linux/falloc.h
NOT_TOLD = frozenset(
    {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
)  # what a filesystem says that knows no holes


def filesystem_of(host_path: Path) -> str:
    """Return the type of the filesystem that holds a file, from ``/proc/self/mountinfo`` (proc(5)); "": unknown."""
    device = host_path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        words = line.split()
        if words[2] == number and "-" in words:
            return words[words.index("-") + 1]
    # btrfs gives each subvolume a device number of its own, which no mount shows.
    return "btrfs" if os.major(device) == 0 else ""


def data_ranges(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield offset and length in bytes of what is not a hole, in order; all of a file whose filesystem has no holes."""
    offset = 0
    while offset < size:
        try:
            offset = os.lseek(descriptor, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                return
            if error.errno not in NOT_TOLD:
                raise
            yield offset, size - offset
            return
        if offset >= size:
            return
        end = min(os.lseek(descriptor, offset, os.SEEK_HOLE), size)
        yield offset, end - offset
        offset = end


def take_blocks(descriptor: int, offset: int, length: int) -> None:
    """Give a file blocks for a range, which reads as before; its length stays. Unlike posix_fallocate never by writing.

    :raises OSError: the filesystem cannot, or has not so many.
    """
    _fallocate(descriptor, KEEP_SIZE, offset, length)


def punch_hole(descriptor: int, offset: int, length: int) -> None:
    """Give the blocks of a range back; it reads as zeros.

    :raises OSError: the filesystem cannot.
    """
    _fallocate(descriptor, KEEP_SIZE | PUNCH_HOLE, offset, length)


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.fallocate64.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return library


def _fallocate(descriptor: int, mode: int, offset: int, length: int) -> None:
    """See fallocate(2), which Python has no call for."""
    if _library().fallocate64(descriptor, mode, offset, length):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
