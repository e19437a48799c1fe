"""Copy files and directories of the host into a guest."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgtools.errors import HostError, NoSuchGuestFile, NotADirectory
from imgtools.guest.tree import view_files
from imgtools.image.change import Change, MakeDirectory, MakeLink, Upload
from imgtools.image.files import GuestReader, join, parent_of
from imgtools.image.writable import Progress
from imgtools.records import ImageRequest, Target, Warned
from imgtools.workflows.chown import read_owner
from imgtools.workflows.edit_plan import PlanReport, carry_out, open_for


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whom the copies belong to: the ids that the host's files have, or one owner for all."""

    keep: bool = False
    uid: int = 0
    gid: int = 0

    def of(self, found: os.stat_result) -> tuple[int, int]:
        """Return the user and group id of the copy of a host file."""
        return (found.st_uid, found.st_gid) if self.keep else (self.uid, self.gid)


def copy_in(
    request: ImageRequest,
    target: Target,
    sources: Sequence[Path],
    to: str,
    *,
    keep_owners: bool = False,
    owner: str = "",
    progress: Progress | None = None,
) -> PlanReport:
    """Copy host files into the directory ``to``; one source may also get ``to`` as its new name.

    Modes and times are kept; links are copied as links. Device nodes, fifos and sockets are left out, with a warning.

    :param keep_owners: the copies have the user and group ids that the files have on the host.
    :param owner: ``USER[:GROUP]`` of the guest for all copies; root without it.
    :raises HostError: a source cannot be read.
    :raises NotADirectory: several sources, and ``to`` is no directory.
    """
    with open_for(request, target) as image:
        view = view_files(image, request)
        end = view.path(to)
        into = view.files.is_dir(end)
        if len(sources) > 1 and not into:
            raise NotADirectory(f"not a directory in the guest: {end}", path=end)
        if not into and not view.files.is_dir(parent_of(end.rstrip("/"))):
            raise NoSuchGuestFile(f"no such directory in the guest: {parent_of(end.rstrip('/'))}", path=end)
        uid, gid = read_owner(view.files, owner) if owner else (None, None)
        ownership = Ownership(keep_owners, uid or 0, gid or 0)
        changes: list[Change] = []
        left_out: list[Warned] = []
        for source in sources:
            goal = join(view.files.resolve(end), _name(source)) if into else end.rstrip("/")
            for one in copies(source, goal, ownership, view.files):
                (left_out if isinstance(one, Warned) else changes).append(one)  # type: ignore[arg-type]
        warnings = (*view.warnings, *left_out)
        return carry_out(image, changes, view.mounts, warnings=warnings, progress=progress)


def _name(source: Path) -> str:
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
            children = sorted(path.iterdir(), reverse=True) if stat.S_ISDIR(found.st_mode) else []
            link = os.readlink(path) if stat.S_ISLNK(found.st_mode) else ""  # noqa: PTH115 (keeps odd bytes)
        except OSError as error:
            raise HostError(f"cannot read {path}: {error.strerror}") from None
        yield _copy(path, place, found, link, ownership, files)
        todo.extend((child, join(place, child.name)) for child in children)


def _copy(
    path: Path, place: str, found: os.stat_result, link: str, ownership: Ownership, files: GuestReader
) -> Change | Warned:
    uid, gid = ownership.of(found)
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISDIR(found.st_mode):
        return MakeDirectory(place, mode, uid, gid)
    if link:
        return MakeLink(place, link, uid, gid)
    if stat.S_ISREG(found.st_mode):
        if files.is_dir(place):
            raise NotADirectory(f"a directory is in the way: {place}", path=place)
        return Upload(place, path.absolute(), found.st_size, mode, uid, gid, found.st_mtime_ns)
    return Warned("left out: neither file, directory nor link", str(path))
