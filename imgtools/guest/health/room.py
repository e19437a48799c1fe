"""How full the filesystems of a guest are, and what fills them."""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.errors import GuestFileError
from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.records.files import FileKind
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


@dataclass(frozen=True, slots=True)
class Room:
    """What is left of a filesystem: ``is_full`` for everybody, ``is_full_for_root``, or of inodes."""

    is_full: bool = False
    is_full_for_root: bool = False
    no_inodes: bool = False


def room_of(usage: Usage, content: str) -> Room:
    """Judge how full a filesystem is."""
    if content in ALWAYS_FULL or not usage.size:
        return Room()
    full = usage.available < min(LEAST, usage.size // LEAST_PART)
    return Room(
        is_full=full,
        is_full_for_root=usage.free < min(NOTHING, usage.size // LEAST_PART),
        no_inodes=usage.inodes > 0 and usage.inodes_free < LEAST_INODES,
    )


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
