"""A file or block device of the host, opened to read a few pieces of it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.errors import BadImage, HostError
from imgtools.records.image import Inside
from imgtools.volumes.local_file import read_at

if TYPE_CHECKING:
    from imgtools.engine.qemu.block import NbdDisk

# No piece of a header or table that we read at once is larger. QEMU's own bound for the largest, a qcow2's
# first-level table, is the same (QCOW_MAX_L1_SIZE in block/qcow2.h).
MAX_PIECE = 32 << 20


class HostFile:
    """An open image file. ``size`` is its length in bytes, ``allocated`` what it takes on the host."""

    def __init__(self, descriptor: int, host_path: Path) -> None:
        self._descriptor = descriptor
        self.host_path = host_path
        self.name = str(host_path)
        found = os.fstat(descriptor)
        self.is_device = stat.S_ISBLK(found.st_mode)
        self.size = os.lseek(descriptor, 0, os.SEEK_END) if self.is_device else found.st_size
        self.allocated = self.size if self.is_device else found.st_blocks * 512
        # Two names of one device node are one image too, so the device's own number counts, not its node's.
        self.identity = (found.st_rdev, -1) if self.is_device else (found.st_dev, found.st_ino)

    def fileno(self) -> int:
        """The file descriptor, for locks."""
        return self._descriptor

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset``; fewer, or none, past the end of the file.

        :raises BadImage: the piece is larger than any table of a sane image, or the host cannot read it.
        """
        if length > MAX_PIECE:
            raise BadImage(
                f"{self.name}: a table of {length} bytes is larger than any format allows",
                hint="the image is damaged, or made to do harm",
            )
        if offset < 0 or offset >= self.size:
            return b""
        return self._read(offset, length)

    def _read(self, offset: int, length: int) -> bytes:
        try:
            return read_at(self._descriptor, offset, length)
        except OSError as error:
            raise BadImage(f"cannot read {self.name}: {error.strerror}") from None


class InsideFile(HostFile):
    """A disk image that is no file by itself: ``file`` is what holds its bytes, or their server's socket."""

    def __init__(self, file: HostFile, inside: Inside, server: NbdDisk | None = None) -> None:
        super().__init__(file.fileno(), file.host_path)
        self.name, self._inside, self._server = inside.name, inside, server
        self.size = inside.size
        self.allocated = min(inside.size, self.allocated)

    def _read(self, offset: int, length: int) -> bytes:
        length = min(length, self.size - offset)
        if self._server is not None:
            return self._server.read(self._inside.offset + offset, length)
        return super()._read(self._inside.offset + offset, length)


@contextmanager
def open_layer(host_path: Path, inside: Inside | None) -> Iterator[HostFile]:
    """Open what holds the bytes of a disk image; see :func:`open_host_file`.

    :raises BadImage: its server does not answer.
    """
    if inside is None:
        with open_host_file(host_path) as file:
            yield file
        return
    with ExitStack() as stack:
        file = stack.enter_context(_open_holder(inside.path or host_path, inside))
        if not inside.socket:
            yield InsideFile(file, inside)
            return
        from imgtools.engine.qemu.block import NbdDisk  # late: most images are files

        try:
            server = NbdDisk(inside.socket, inside.name)
        except OSError as error:
            raise BadImage(f"{inside.name}: its server does not answer: {error}") from None
        stack.callback(server.close)
        yield InsideFile(file, inside, server)


@contextmanager
def _open_holder(holder: Path, inside: Inside) -> Iterator[HostFile]:
    """Open the file that holds a disk; of what is behind a server only its name is there."""
    if not inside.remote:
        with open_host_file(holder) as file:
            yield file
        return
    descriptor = os.open(holder, os.O_PATH | os.O_CLOEXEC)
    try:
        yield HostFile(descriptor, holder)
    finally:
        os.close(descriptor)


@contextmanager
def open_host_file(host_path: Path) -> Iterator[HostFile]:
    """Open a regular file or a block device for reading; never wait for a FIFO.

    :raises HostError: there is no such file, or it may not be read.
    :raises BadImage: it is a directory, FIFO, socket or character device.
    """
    try:
        kind = host_path.stat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISBLK(kind)):
            raise BadImage(f"not a disk image: {host_path} is a {describe_kind(kind)}")
        descriptor = os.open(host_path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise _why_not(host_path, error) from None
    except ValueError:  # a NUL in the name
        raise HostError(f"no such file: {str(host_path)!r}") from None
    try:
        # The name may lead elsewhere by now: what counts is what is open.
        kind = os.fstat(descriptor).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISBLK(kind)):
            raise BadImage(f"not a disk image: {host_path} is a {describe_kind(kind)}")
        yield HostFile(descriptor, host_path)
    finally:
        os.close(descriptor)


def _why_not(host_path: Path, error: OSError) -> HostError:
    match error.errno:
        case errno.ENOENT:
            return HostError(f"no such file: {host_path}")
        case errno.ENOTDIR:
            return HostError(f"no such file: {host_path}", hint="a part of the path is not a directory")
        case errno.EACCES | errno.EPERM:
            return HostError(
                f"no permission to read {host_path}", hint="run as its owner, or give yourself read access"
            )
        case errno.ELOOP:
            return HostError(f"too many symbolic links: {host_path}")
        case _:
            return HostError(f"cannot open {host_path}: {error.strerror}")


def describe_kind(mode: int) -> str:
    """What a file mode says that the file is: ``directory``, ``FIFO`` ..."""
    kinds = (
        (stat.S_ISDIR, "directory"),
        (stat.S_ISFIFO, "FIFO"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISCHR, "character device"),
        (stat.S_ISBLK, "block device"),
        (stat.S_ISREG, "regular file"),
    )
    return next((name for test, name in kinds if test(mode)), "thing that is no file")
