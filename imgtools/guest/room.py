"""Whether a filesystem of a guest is full, and what of it can be made anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from imgtools.errors import GuestFileError
from imgtools.files.tree import GuestReader, GuestTree
from imgtools.guest.boot.bootloader import find_boot
from imgtools.guest.boot.kernels import Kernel
from imgtools.guest.guest import Guest
from imgtools.guest.logs.rotated import is_rotated
from imgtools.records.files import FileKind
from imgtools.records.found import FoundFile
from imgtools.records.usage import Usage

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
LEAST_INODES = 16
ROTATED_LOG = 1 << 20  # bytes of one that was put aside


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


def is_full(usage: Usage) -> bool:
    """Whether services fail for want of room or of inodes: less than a hundredth is left, and less than 64 MiB."""
    few_bytes = usage.available < min(usage.size // 100, 64 << 20)
    return few_bytes or (usage.inodes > 0 and usage.inodes_free < LEAST_INODES)


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
