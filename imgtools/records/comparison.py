"""How two guests, or one at two times, are not the same: what is known of their systems, and their files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from imgtools.records.files import FileKind


class Changed(StrEnum):
    """What has become of something on the way from the first to the second."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class FactKind(StrEnum):
    """What kind of thing a fact is about, in the order in which they are told."""

    SYSTEM = "system"
    MOUNT = "mount"
    PACKAGE = "package"
    USER = "user"
    GROUP = "group"
    SERVICE = "service"
    KERNEL = "kernel"
    CONFIGURATION = "configuration"
    REGISTRY = "registry"


class ContentCheck(StrEnum):
    """How the content of files is told to be the same.

    ``times``: size and time of change decide, nothing is read. ``changed``: what differs in the facts of its inode is
    read and compared. ``all``: every file is read, or known to lie in blocks that both have in common.
    """

    TIMES = "times"
    CHANGED = "changed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class FactDifference:
    """One thing that is known of a system and is not the same. What a side has not, is None there.

    ``name`` is a package, an account, a node of Augeas, a value of the registry. ``field`` says which fact of it;
    "" is the thing itself. ``hidden``: its values are secrets, or may be, and are not told.
    """

    about: FactKind
    name: str
    became: Changed
    field: str = ""
    old: str | None = None
    new: str | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a side says of one file; ``checksum`` where one was asked for and it was read."""

    kind: FileKind
    size: int
    mode: int
    uid: int
    gid: int
    mtime: int
    device: tuple[int, int] = (0, 0)
    target: str = ""
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class FileDifference:
    """One file that is not the same.

    ``details`` are of ``kind``, ``content``, ``target``, ``device``, ``mode``, ``owner``, ``xattrs``, ``times``.
    """

    path: str
    became: Changed
    details: tuple[str, ...] = ()
    old: FileFacts | None = None
    new: FileFacts | None = None
    xattrs: tuple[str, ...] = ()  # the names of those that differ
    diff: str = ""  # of a text file that everybody may read, where that was asked for
