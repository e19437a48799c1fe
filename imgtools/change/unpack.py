"""A tar archive as the changes that unpack it into a guest."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from imgtools.change.change import (
    Change,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    Remove,
    SetXattr,
    Upload,
)
from imgtools.errors import HostError
from imgtools.files.paths import join, parent_of
from imgtools.files.tree import GuestReader
from imgtools.records.files import FileKind
from imgtools.records.system import Warned

MAX_MEMBERS = 5_000_000


def unpacked(plain: Path, goal: str, named: Path | None) -> Iterator[Change | Warned]:
    """Yield the changes that an archive stands for.

    Of members with one name the last counts. Directories that members need, and that the archive does not name, are
    made where they are missing.

    :raises HostError: it is damaged, or no tar archive at all.
    """
    shown = named or "standard input"
    try:
        with tarfile.open(plain, "r:") as archive:
            yield from _Unpacking(archive, plain, goal, str(shown)).changes()
    except (tarfile.TarError, OSError) as error:
        raise HostError(f"not a tar archive, or damaged: {shown}: {error}") from None


def in_place_of(changes: Iterable[Change | Warned], files: GuestReader) -> Iterator[Change | Warned]:
    """Yield changes that take the place of what the guest has under their names, as tar does.

    Contents do so by themselves; other names of a file and special files have to be made anew. Directories that are
    there stay as they are.
    """
    for change in changes:
        if isinstance(change, MakeDirectory) and files.is_dir(change.path):
            continue
        if isinstance(change, (MakeHardLink, MakeSpecial)):
            found = files.lstat(change.path)
            if found is not None and found.kind is not FileKind.DIRECTORY:
                yield Remove(change.path, size=found.size)
        yield change


class _Unpacking:
    """One run over an archive."""

    def __init__(self, archive: tarfile.TarFile, plain: Path, goal: str, shown: str) -> None:
        self._archive, self._plain, self._goal = archive, plain, goal
        self._last: dict[str, int] = {}
        self._folders: dict[str, tarfile.TarInfo] = {}
        for number, member in enumerate(archive):
            if number >= MAX_MEMBERS:
                raise HostError(f"{shown} has more than {MAX_MEMBERS} members")
            path = self._path_of(member.name)
            self._last[path] = number
            if member.isdir():
                self._folders[path] = member
        self._made = {goal}
        self._links: set[str] = set()

    def _path_of(self, name: str) -> str:
        path = self._goal
        for part in _inside(name):
            path = join(path, part)
        return path

    def changes(self) -> Iterator[Change | Warned]:
        """Yield what the members stand for, in their order."""
        for number, member in enumerate(self._archive):
            path = self._path_of(member.name)
            if self._last[path] != number or (path == self._goal and not member.isdir()):
                continue
            above = self._above(path)
            if any(folder in self._links for folder in above):
                yield Warned("left out: it would be written through a link of the archive", member.name)
                continue
            for folder in (*above, path) if member.isdir() else above:
                yield from self._make(folder)
            yield from _changes(member, path, self._plain, self._path_of)
            (self._links.add if member.issym() else self._links.discard)(path)
            yield from _attributes(member, path)

    def _above(self, path: str) -> list[str]:
        """The directories between the goal and a path, from above."""
        found: list[str] = []
        while path != self._goal and (path := parent_of(path)) != self._goal:
            found.insert(0, path)
        return found

    def _make(self, folder: str) -> Iterator[Change]:
        """Make a directory once, as the archive wants it if it says anything of it."""
        if folder in self._made:
            return
        self._made.add(folder)
        member = self._folders.get(folder)
        if member is None:
            yield MakeDirectory(folder)
        else:
            yield MakeDirectory(folder, member.mode & 0o7777, member.uid, member.gid)


def _inside(name: str) -> list[str]:
    """The parts of a member's name, none of which leads upwards."""
    return [part for part in name.split("/") if part not in ("", ".", "..")]


def _changes(
    member: tarfile.TarInfo, path: str, plain: Path, path_of: Callable[[str], str]
) -> Iterator[Change | Warned]:
    mode, uid, gid = member.mode & 0o7777, member.uid, member.gid
    if member.isdir():
        return
    if member.isreg():
        mtime = int(member.mtime * 10**9)
        yield Upload(path, plain, member.size, mode, uid, gid, mtime, member.offset_data)
    elif member.issym():
        yield MakeLink(path, member.linkname, uid, gid)
    elif member.islnk():
        yield MakeHardLink(path, path_of(member.linkname))
    elif member.ischr() or member.isblk() or member.isfifo():
        kind = "c" if member.ischr() else "b" if member.isblk() else "p"
        yield MakeSpecial(path, kind, (member.devmajor, member.devminor), mode, uid, gid)
    else:
        yield Warned("left out: a kind of member that is not known", member.name)


def _attributes(member: tarfile.TarInfo, path: str) -> Iterator[Change]:
    for name, value in member.pax_headers.items():
        if name.startswith("SCHILY.xattr."):
            yield SetXattr(path, name.removeprefix("SCHILY.xattr."), value.encode("utf-8", "surrogateescape"))
