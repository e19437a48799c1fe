"""Files and directories of the host as the changes that make copies of them in a guest."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imgtools.change.change import Change, MakeDirectory, MakeLink, Upload
from imgtools.errors import HostError, NotADirectory
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whom the copies belong to: the ids that the host's files have, or one owner for all."""

    keep: bool = False
    uid: int = 0
    gid: int = 0

    def of(self, found: os.stat_result) -> tuple[int, int]:
        """Return the user and group id of the copy of a host file."""
        return (found.st_uid, found.st_gid) if self.keep else (self.uid, self.gid)


def name_of(source: Path) -> str:
    """Return what a copy of a host file is called."""
    return source.name or source.resolve().name


def copies(source: Path, goal: str, ownership: Ownership, files: GuestReader) -> Iterator[Change | Warned]:
    """Yield what makes a copy of ``source`` at the guest path ``goal``; a directory with all below it.

    :raises HostError: a file or directory cannot be read.
    """
    todo = [(source, goal)]
    while todo:
        path, place = todo.pop()
        try:
            found = path.lstat()
            children = sorted(path.iterdir(), key=_name, reverse=True) if stat.S_ISDIR(found.st_mode) else []
            link = os.readlink(path) if stat.S_ISLNK(found.st_mode) else ""  # noqa: PTH115 (keeps odd bytes)
        except OSError as error:
            raise HostError(f"cannot read {path}: {error.strerror}") from None
        yield _copy(path, place, found, link, ownership, files)
        todo.extend((child, join(place, child.name)) for child in children)


def _name(path: Path) -> str:
    return path.name


def _copy(
    path: Path, place: str, found: os.stat_result, link: str, ownership: Ownership, files: GuestReader
) -> Change | Warned:
    uid, gid = ownership.of(found)
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISDIR(found.st_mode):
        return MakeDirectory(place, mode, uid, gid, found.st_mtime_ns, replace=True)
    if link:
        return MakeLink(place, link, uid, gid, found.st_mtime_ns)
    if stat.S_ISREG(found.st_mode):
        if files.is_dir(place):
            raise NotADirectory(f"a directory is in the way: {place}", path=place)
        size, mtime = found.st_size, found.st_mtime_ns
        return Upload(place, path.absolute(), size, mode, uid, gid, mtime, replace=True)
    return Warned("left out: neither file, directory nor link", str(path))
