"""Files of a guest."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class FileKind(StrEnum):
    """The kind of a directory entry; ``value`` is the letter that ``ls -l`` shows."""

    FILE = "-"
    DIRECTORY = "d"
    LINK = "l"
    CHARACTER = "c"
    BLOCK = "b"
    FIFO = "p"
    SOCKET = "s"
    UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class FileStat:
    """What ``lstat`` tells. ``mode`` is the permission bits alone (0o7777); the kind is in ``kind``."""

    kind: FileKind
    size: int
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    links: int = 1
    inode: int = 0
    device: tuple[int, int] = (0, 0)  # major, minor of a device node
    atime: int = 0
    mtime: int = 0
    ctime: int = 0
    # When it was made; 0: its filesystem, or the engine that reads it, does not tell. It says nothing of what it is.
    crtime: int = field(default=0, compare=False)
    # Which tree of its filesystem it is in: the subvolumes of a btrfs number their inodes each from the same number on.
    tree: int = field(default=0, compare=False)
    # Bytes of its filesystem that it takes, as st_blocks counts them; None: who reads it does not tell.
    room: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One name in a directory."""

    name: str
    stat: FileStat


@dataclass(frozen=True, slots=True)
class DataPart:
    """A stretch of a file that is no hole: ``size`` bytes from its byte ``at`` on."""

    at: int
    size: int
