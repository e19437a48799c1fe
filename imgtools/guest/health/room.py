"""How full the filesystems of a guest are, what fills them, and what of it can be made anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from imgtools.errors import GuestFileError
from imgtools.files.tree import DAMAGE, GuestReader, GuestTree
from imgtools.guest.boot.bootloader import find_boot
from imgtools.guest.boot.kernels import Kernel
from imgtools.guest.guest import Guest
from imgtools.guest.logs.rotated import is_rotated
from imgtools.records.files import FileKind
from imgtools.records.found import FoundFile
from imgtools.records.usage import Usage

LEAST_PART = 100  # full: less than a hundredth is left, and less than that many bytes
LEAST = 64 << 20
NOTHING = 1 << 20  # bytes: with less even root writes nothing
LEAST_INODES = 16
# What grows: looked through only where there is no room.
GROWING = (
    "/var/log",
    "/var/cache",
    "/var/crash",
    "/var/lib/systemd/coredump",
    "/var/spool",
    "/var/tmp",
    "/tmp",
    "/boot",
)
MOST_FILES = 20_000
ALWAYS_FULL = frozenset({"iso9660", "squashfs", "udf", "erofs", "cramfs", "romfs"})
# What package managers download again, without their locks.
PACKAGE_CACHES = (
    "/var/cache/apt",
    "/var/lib/apt/lists",
    "/var/cache/dnf",
    "/var/cache/libdnf5",
    "/var/cache/yum",
    "/var/cache/zypp",
    "/var/cache/pacman/pkg",
    "/var/cache/apk",
    "/var/cache/xbps",
    "/var/cache/distfiles",
    "/var/cache/PackageKit",
)
JOURNALS = "/var/log/journal"
# systemd-journald.service(8): files with an @ were put aside, those with a tilde were not closed.
OLD_JOURNAL = re.compile(r"@.*\.journal$|\.journal~$")
DUMPS = ("/var/crash", "/var/lib/systemd/coredump", "/var/spool/abrt", "/var/log/dump")
LOGS = "/var/log"
LARGE_LOG = 100 << 20  # bytes of a log that is being written
ROTATED_LOG = 1 << 20  # bytes of one that was put aside


@dataclass(frozen=True, slots=True)
class Room:
    """What is left of a filesystem: ``is_full`` for everybody, ``is_full_for_root``, or of inodes."""

    is_full: bool = False
    is_full_for_root: bool = False
    no_inodes: bool = False

    @property
    def is_short(self) -> bool:
        """Whether services fail for want of room or of inodes."""
        return self.is_full or self.is_full_for_root or self.no_inodes


def room_of(usage: Usage, content: str = "") -> Room:
    """Judge how full a filesystem is.

    :param content: its kind; some are made full.
    """
    if content in ALWAYS_FULL or not usage.size:
        return Room()
    full = usage.available < min(LEAST, usage.size // LEAST_PART)
    return Room(
        is_full=full,
        is_full_for_root=usage.free < min(NOTHING, usage.size // LEAST_PART),
        no_inodes=usage.inodes > 0 and usage.inodes_free < LEAST_INODES,
    )


class OldKernel(NamedTuple):
    """A kernel that is neither the newest nor the default one, and how many bytes it has with all that is its own."""

    kernel: Kernel
    size: int


def usage_at(files: GuestReader, path: str) -> Usage | None:
    """Return how full the filesystem is that holds ``path``; None if there is no such path."""
    if not isinstance(files, GuestTree):
        return None
    try:
        filesystem, _inner = files.place(files.resolve(path))
    except GuestFileError:
        return None
    return filesystem.usage()


def largest(files: GuestReader, place: str) -> tuple[tuple[str, int], ...]:
    """Return the folders that grow and are below ``place``, each with the bytes of its files, the largest first."""
    below = [path for path in GROWING if place == "/" or path == place or path.startswith(f"{place}/")]
    found = [(path, _bytes_in(files, path)) for path in below if files.is_dir(path)]
    return tuple(sorted((one for one in found if one[1]), key=lambda one: -one[1])[:3])


def _bytes_in(files: GuestReader, path: str) -> int:
    total = 0
    try:
        for number, one in enumerate(files.walk(path, refused=lambda _path, _error: None)):
            if number > MOST_FILES:
                break
            total += one.stat.size if one.stat.kind is FileKind.FILE else 0
    except (*DAMAGE, GuestFileError):
        return total
    return total


def below(files: GuestReader, *folders: str) -> Iterator[FoundFile]:
    """Yield the regular files below folders that are there."""
    for folder in folders:
        if files.is_dir(folder):
            yield from (one for one in files.walk(files.resolve(folder)) if one.stat.kind is FileKind.FILE)


def caches(files: GuestReader) -> Iterator[FoundFile]:
    """Yield what package managers have downloaded; apt's lock files stay."""
    for one in below(files, *PACKAGE_CACHES):
        if one.path.rpartition("/")[2] != "lock" and one.stat.size:
            yield one


def old_journals(files: GuestReader) -> Iterator[FoundFile]:
    """Yield the journals that nobody writes to any more."""
    return (one for one in below(files, JOURNALS) if OLD_JOURNAL.search(one.path))


def dumps(files: GuestReader) -> Iterator[FoundFile]:
    """Yield what was kept of programs and kernels that have crashed."""
    return below(files, *DUMPS)


def rotated_logs(files: GuestReader) -> Iterator[FoundFile]:
    """Yield large logs that were put aside."""
    for one in below(files, LOGS):
        is_other = one.path.startswith((f"{JOURNALS}/", "/var/log/dump/"))
        if not is_other and one.stat.size >= ROTATED_LOG and is_rotated(one.path.rpartition("/")[2]):
            yield one


def large_logs(files: GuestReader) -> Iterator[FoundFile]:
    """Yield logs that are being written and have grown very large."""
    for one in below(files, LOGS):
        name = one.path.rpartition("/")[2]
        if one.stat.size >= LARGE_LOG and not is_rotated(name) and not one.path.startswith(f"{JOURNALS}/"):
            yield one


def old_kernels(guest: Guest) -> tuple[OldKernel, ...]:
    """Return the kernels that could go: not the newest, not the default one, and only where a default is known."""
    disks = guest.layout.disks if guest.layout is not None else ()
    kernels = find_boot(guest.files, disks).kernels
    if not any(one.default for one in kernels):
        return ()
    return tuple(OldKernel(one, _size(guest.files, one)) for one in kernels[1:] if not one.default)


def _size(files: GuestReader, kernel: Kernel) -> int:
    own = (kernel.vmlinuz, kernel.initrd, kernel.config_file, f"/boot/System.map-{kernel.version}")
    size = sum(files.stat(path).size for path in own if path and files.is_file(path))
    return size + sum(one.stat.size for one in below(files, kernel.modules_path) if kernel.modules_path)
