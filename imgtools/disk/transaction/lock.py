"""One imgtools at a time edits an image.

A lock file beside the image is held with flock(2) as long as the edit, or a program that it has started, runs. The
kernel lets it go with the last of them, so a lock is never stale. QEMU's own locks are on the image itself, and
flock on the image could disturb them on NFS, where both are the same kind of lock.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from imgtools.disk.transaction.sidecar import is_block_device, make_device_folder, sidecar_of
from imgtools.engine.own_files import NotOurs, open_own
from imgtools.errors import HostError, ImageInUse

POLL = 0.05  # seconds between two tries


@contextmanager
def lock_images(host_paths: Sequence[Path], *, wait: float = 0.0) -> Iterator[tuple[int, ...]]:
    """Hold the locks of images; yields their descriptors, for programs that must keep them.

    :param wait: seconds to wait for another imgtools to end.
    :raises ImageInUse: another imgtools is editing one of them.
    :raises HostError: the folder cannot be written, or an image is named twice.
    """
    # In one order everywhere, or two edits of two disks could wait for each other.
    real = sorted({os.path.realpath(path) for path in host_paths})
    if len(real) != len(host_paths):
        raise HostError("an image is named twice: each disk of a guest needs its own")
    with ExitStack() as stack:
        yield tuple(stack.enter_context(_lock(Path(path), wait)) for path in real)


def is_locked(host_path: Path) -> bool:
    """Whether an imgtools is editing this image now."""
    try:
        descriptor = open_own(sidecar_of(host_path).lock)
    except (OSError, NotOurs):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _lock(image: Path, wait: float) -> Iterator[int]:
    if is_block_device(image):
        make_device_folder()
    place = sidecar_of(image).lock
    deadline = time.monotonic() + wait
    while (descriptor := _try_lock(place)) is None:
        if time.monotonic() >= deadline:
            raise ImageInUse(f"another imgtools is editing {image}", hint="wait until it has ended")
        time.sleep(POLL)
    try:
        yield descriptor
    finally:
        # While it is held: who waits for this file finds that its name is gone, and tries again. A filesystem that
        # is full may keep it (removing takes room on btrfs and through FUSE): a file that nobody holds locks nothing.
        with suppress(OSError):
            if _is_still(descriptor, place):
                place.unlink()
        os.close(descriptor)


def _try_lock(place: Path) -> int | None:
    """Return the locked descriptor; None if another has it."""
    while True:
        try:
            descriptor = open_own(place, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise HostError(
                f"cannot make the lock file {place}: {error.strerror}",
                hint="an edit needs a folder that can be written; --output makes a new image elsewhere",
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if _is_still(descriptor, place):
            return descriptor
        os.close(descriptor)


def _is_still(descriptor: int, place: Path) -> bool:
    """Whether the file that was locked is the one of that name: its last holder may have removed it."""
    try:
        named = place.lstat()
    except FileNotFoundError:
        return False
    held = os.fstat(descriptor)
    return (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)
