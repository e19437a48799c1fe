"""Copy files and directories of a guest to the host, without booting.

The guest's names are hostile: nothing is made outside the folder that the user named, no link is followed on the
way, no device node is made, and no program gets its set-id bits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from imgtools.disk.new_file import refuse_own_files, scratch_folder
from imgtools.errors import HostError
from imgtools.files.refused import RefusedFiles
from imgtools.files.sparse_copy import copy_sparse
from imgtools.files.tree import DAMAGE, GuestReader, Refused
from imgtools.guest.find.tree import view_files
from imgtools.image.handle import open_request
from imgtools.records.files import FileKind, FileStat
from imgtools.records.found import FoundFile
from imgtools.records.image import ImageInfo
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned

SET_ID = 0o6000
DRAFT = "copy"  # of one file, before it takes the place of another


@dataclass(frozen=True, slots=True)
class CopyOutReport:
    """What was copied: number of regular files, directories and links, and the bytes of the files."""

    image: str
    engine: Engine
    folder: str
    files: int
    directories: int
    links: int
    size: int
    warnings: tuple[Warned, ...] = ()
    incomplete: bool = False  # something could not be read; the warnings say what


@dataclass(slots=True)
class _Tally:
    files: int = 0
    directories: int = 0
    links: int = 0
    size: int = 0
    warnings: list[Warned] = field(default_factory=list)
    refused: RefusedFiles = field(default_factory=RefusedFiles)


def copy_out(
    request: ImageRequest,
    paths: Sequence[str],
    folder: Path,
    *,
    owners: bool | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> CopyOutReport:
    """Copy guest files into the existing host folder ``folder``; directories with all below them.

    What cannot be read of one file or directory is a warning, and the others are copied.

    :param paths: a shell pattern stands for all that it matches.
    :param owners: give the copies the guest's user and group ids; None: if we are root.
    :param overwrite: a file or link that is there is replaced, when its copy is complete; a folder never is.
    :raises HostError: the folder is not there, a file of that name is, or the host has no room.
    :raises NoSuchGuestFile: a path is not there; nothing is copied then.
    """
    if not folder.is_dir():
        raise HostError(f"no such folder: {folder}", hint="make it first: mkdir")
    with (
        open_request(request) as image,
        _replacing(folder, image.infos) if overwrite else nullcontext() as replacing,
    ):
        view = view_files(image, request)
        named = (one for path in paths for one in view.named(path))
        tops = list(dict.fromkeys(view.files.locate(one) for one in named))
        with_owners = os.geteuid() == 0 if owners is None else owners
        copier = Copier(view.files, owners=with_owners, replacing=replacing, progress=progress)
        for top in tops:
            copier.copy(top, folder)
        tally = copier.tally
        return CopyOutReport(
            image=request.name,
            engine=view.files.served_by,
            folder=str(folder),
            files=tally.files,
            directories=tally.directories,
            links=tally.links,
            size=tally.size,
            warnings=(*view.warnings, *tally.warnings, *tally.refused.warnings),
            incomplete=bool(tally.refused),
        )


def tree_of(files: GuestReader, top: str, refused: Refused) -> Iterator[FoundFile]:
    """Yield ``top`` itself, a link not followed, and all below it; ``refused`` is told what cannot be read."""
    stat = files.lstat(top)
    if stat is not None and stat.kind is not FileKind.DIRECTORY:
        yield FoundFile(top, stat)
    else:
        yield from files.walk(top, refused)


@dataclass(frozen=True, slots=True)
class _Replacing:
    """Where copies are made that are to take the place of files: beside them, in a folder that a kill leaves to us."""

    scratch: int  # descriptor of that folder
    infos: Sequence[ImageInfo]  # the image, none of whose files is replaced


@contextmanager
def _replacing(folder: Path, infos: Sequence[ImageInfo]) -> Iterator[_Replacing]:
    with scratch_folder(folder) as scratch:
        descriptor = os.open(scratch, os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield _Replacing(descriptor, infos)
        finally:
            os.close(descriptor)


class Copier:
    """One run of copying; folders are opened one below the other, never by a path that a link could bend."""

    def __init__(
        self,
        files: GuestReader,
        *,
        owners: bool,
        replacing: _Replacing | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.tally = _Tally()
        self._files = files
        self._owners = owners
        self._replacing = replacing
        self._progress = progress

    def copy(self, top: str, folder: Path) -> None:
        """Copy ``top`` and all below it into ``folder``."""
        base = top.rstrip("/").rpartition("/")[0]
        directories: list[tuple[Path, FileStat]] = []
        for found in tree_of(self._files, top, self.tally.refused):
            relative = found.path[len(base) :].strip("/")
            if not relative:  # the guest's root itself: what is in it goes into the folder
                continue
            parts = relative.split("/")
            if any(part in ("", ".", "..") or "\0" in part for part in parts):
                self.tally.warnings.append(Warned("left out: not a file name", found.path))
                continue
            place = folder.joinpath(*parts)
            try:
                self._copy_one(found, place, folder, parts)
            except DAMAGE as error:
                self.tally.refused(found.path, error)
            except OSError as error:
                raise HostError(f"cannot write {place}: {error.strerror}") from None
            if found.stat.kind is FileKind.DIRECTORY:
                directories.append((place, found.stat))
        for place, stat in reversed(directories):  # last, because files made in them change their times
            self._finish(place, stat)

    def _copy_one(self, found: FoundFile, place: Path, folder: Path, parts: Sequence[str]) -> None:
        parent = _open_parent(folder, parts)
        try:
            if found.stat.kind is FileKind.DIRECTORY:
                self._make_directory(parts[-1], parent)
                return
            if found.stat.kind is FileKind.LINK:
                with self._place(place, parts[-1], parent) as (name, at):
                    self._copy_link(found, name, at)
                return
            if found.stat.kind is FileKind.UNKNOWN:
                self.tally.refused.note_inode(found)
                return
            if found.stat.kind is not FileKind.FILE:
                self.tally.warnings.append(Warned("left out: a device node, fifo or socket", found.path))
                return
            with self._place(place, parts[-1], parent) as (name, at):
                self._copy_file(found, name, at)
        finally:
            os.close(parent)
        self._finish(place, found.stat)

    @contextmanager
    def _place(self, place: Path, name: str, parent: int) -> Iterator[tuple[str, int]]:
        """Yield the name that a copy is made under, and in which folder; then it takes the place of what is there."""
        if self._replacing is None or not os.path.lexists(place):
            yield name, parent
            return
        refuse_own_files(self._replacing.infos, place)
        scratch = self._replacing.scratch
        try:
            yield DRAFT, scratch
            with suppress(FileNotFoundError):  # a link that could not be read; the report says so
                os.rename(DRAFT, name, src_dir_fd=scratch, dst_dir_fd=parent)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(DRAFT, dir_fd=scratch)

    def _copy_link(self, found: FoundFile, name: str, parent: int) -> None:
        target = self._files.read_link(found.path)
        if not target or "\0" in target:
            self.tally.refused(found.path, "no link can lead there")
            return
        os.symlink(target, name, dir_fd=parent)
        self.tally.links += 1

    def _make_directory(self, name: str, parent: int) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            os.close(os.open(name, os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent))
        self.tally.directories += 1

    def _copy_file(self, found: FoundFile, name: str, parent: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._files.open(found.path) as source:
            target = os.fdopen(os.open(name, flags, 0o600, dir_fd=parent), "wb")
            try:
                with target:
                    size = copy_sparse(source, target, found.stat.size)
            except DAMAGE:  # a file of which a part is missing is no copy
                os.unlink(name, dir_fd=parent)
                raise
        self.tally.files += 1
        self.tally.size += size
        if self._progress:
            self._progress(self.tally.size, 0)

    def _finish(self, place: Path, stat: FileStat) -> None:
        """Give the copy its owner, mode and times; the set-id bits stay behind."""
        if not place.is_symlink() and place.exists():
            if self._owners:
                os.chown(place, stat.uid, stat.gid, follow_symlinks=False)
            place.chmod(stat.mode & ~SET_ID)
            os.utime(place, ns=(max(0, stat.atime), max(0, stat.mtime)), follow_symlinks=False)


def _open_parent(folder: Path, parts: Sequence[str]) -> int:
    """Open the folder that the last part goes into; a link on the way is an error, not a way out."""
    here = os.open(folder, os.O_DIRECTORY | os.O_CLOEXEC)
    for part in parts[:-1]:
        try:
            below = os.open(part, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
        finally:
            os.close(here)
        here = below
    return here
