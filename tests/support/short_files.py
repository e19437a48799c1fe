"""A folder whose files give and take less than they are asked to: what POSIX allows every read(2) and write(2).

A FUSE filesystem that passes everything on to another folder. It is mounted with direct_io, so that a kernel hands each
short count on to the program instead of asking for the rest itself (Documentation/filesystems/fuse-io.rst). Run as a
program of its own: ``python -m tests.support.short_files FOLDER PLACE``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import mfusepy

from tests.support.waiting import wait_until

# Of a request longer than this a part is done; a program that asks again for the rest comes to its end soon.
WHOLE = 512
STAT = (
    "mode",
    "ino",
    "dev",
    "nlink",
    "uid",
    "gid",
    "size",
    "blocks",
    "blksize",
    "atime_ns",
    "mtime_ns",
    "ctime_ns",
)
SPACE = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "favail", "namemax")


def part_of(size: int) -> int:
    """How much of a request is done: two thirds, an odd number of bytes, and never nothing."""
    return size if size <= WHOLE else (size * 2 // 3) | 1


class ShortFiles(mfusepy.Operations):
    """Everything is passed on; reads and writes are cut short and counted."""

    use_ns = True

    def __init__(self, folder: Path, counts: BinaryIO) -> None:
        self._folder, self._counts = folder, counts

    def _real(self, path: str) -> Path:
        return self._folder / path.lstrip("/")

    def _count(self, kind: bytes) -> None:
        self._counts.write(kind)
        self._counts.flush()

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        found = self._real(path).lstat() if fh is None else os.fstat(fh)
        return {f"st_{name}".removesuffix("_ns"): getattr(found, f"st_{name}") for name in STAT}

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._real(path))
        return {f"f_{name}": getattr(found, f"f_{name}") for name in SPACE}

    def readdir(self, path: str, fh: int) -> list[tuple[str, dict[str, int], int]]:
        folder = self._real(path)
        names = (".", "..", *(found.name for found in folder.iterdir()))
        found = ((name, (folder / name).lstat()) for name in names)
        return [(name, {"st_ino": facts.st_ino, "st_mode": facts.st_mode}, 0) for name, facts in found]

    def readlink(self, path: str) -> str:
        return str(self._real(path).readlink())

    def access(self, path: str, amode: int) -> int:
        if not os.access(self._real(path), amode):
            raise mfusepy.FuseOSError(errno.EACCES)
        return 0

    def open(self, path: str, flags: int) -> int:
        return os.open(self._real(path), flags & ~(os.O_APPEND | os.O_NOFOLLOW))

    def create(self, path: str, mode: int, fi: object = None) -> int:
        return os.open(self._real(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        kept = part_of(size)
        if kept < size:
            self._count(b"r")
        return os.pread(fh, kept, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        kept = part_of(len(data))
        if kept < len(data):
            self._count(b"w")
        return os.pwrite(fh, data[:kept], offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        os.truncate(self._real(path) if fh is None else fh, length)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        os.fsync(fh)
        return 0

    def flush(self, path: str, fh: int) -> int:
        return 0

    def chmod(self, path: str, mode: int) -> int:
        self._real(path).chmod(mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        unchanged = (1 << 32) - 1
        os.chown(self._real(path), *(-1 if number == unchanged else number for number in (uid, gid)))
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        os.utime(self._real(path), **({"ns": times} if times else {}))
        return 0

    def link(self, target: str, source: str) -> int:
        self._real(target).hardlink_to(self._real(source))
        return 0

    def symlink(self, target: str, source: str) -> int:
        self._real(target).symlink_to(source)
        return 0

    def rename(self, old: str, new: str) -> int:
        self._real(old).rename(self._real(new))
        return 0

    def unlink(self, path: str) -> int:
        self._real(path).unlink()
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        self._real(path).mkdir(mode)
        return 0

    def rmdir(self, path: str) -> int:
        self._real(path).rmdir()
        return 0


class Shown:
    """A folder that is shown: what is put into ``real`` stands in ``place``."""

    def __init__(self, real: Path, place: Path, counts: Path) -> None:
        self.real, self.place, self._counts = real, place, counts

    def cut_short(self, kind: str) -> int:
        """How many reads ("r") or writes ("w") were cut short so far."""
        return self._counts.read_bytes().count(kind.encode())


@contextlib.contextmanager
def short_files(folder: Path) -> Iterator[Shown]:
    """Show a folder whose reads and writes are short, until the block ends."""
    real, place, counts = folder / "real", folder / "short", folder / "counts"
    real.mkdir()
    place.mkdir()
    counts.touch()
    server = subprocess.Popen([sys.executable, "-m", __name__, real, place, counts])
    try:
        wait_until(place.is_mount)
        yield Shown(real, place, counts)
    finally:
        subprocess.run(["fusermount3", "-u", "-z", place], check=False)
        server.wait(30)


def serve(real: str, place: str, counts: str) -> None:
    """Show the folder until it is unmounted."""
    options = {"foreground": True, "nothreads": True, "direct_io": True, "use_ino": True}
    if os.geteuid() == 0:
        options["allow_other"] = True
    with Path(counts).open("ab") as stream:
        mfusepy.FUSE(
            ShortFiles(Path(real), stream), place, fsname="short", attr_timeout=0, entry_timeout=0, **options
        )


if __name__ == "__main__":
    serve(*sys.argv[1:])
