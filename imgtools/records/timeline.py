"""What happened in a guest, in the order of time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from imgtools.records.files import FileKind


class Happening(StrEnum):
    """What tells of it: the times of a file, a package manager, a record of logins, a log, Windows' event log."""

    FILE = "file"
    PACKAGE = "package"
    LOGIN = "login"
    LOG = "log"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class TimelineFile:
    """The file that a time is of."""

    kind: FileKind
    size: int
    mode: int
    uid: int
    gid: int
    inode: int


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One moment. ``time`` is RFC 3339 in UTC with microseconds.

    ``what`` is of a file which of its times it is, as mactime writes them (``m`` content, ``a`` read, ``c`` inode,
    ``b`` born; ``m.c.``); of a package ``install`` and the like; of a login its kind; of a log its program.
    ``where`` is the file that it is of, or that tells of it, or the name of a log.
    """

    time: str
    kind: Happening
    what: str
    where: str
    text: str = ""
    file: TimelineFile | None = None
