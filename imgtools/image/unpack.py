"""A tar archive as the changes that unpack it into a guest."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

from imgtools.errors import HostError
from imgtools.image.change import Change, MakeDirectory, MakeHardLink, MakeLink, MakeSpecial, SetXattr, Upload
from imgtools.image.files import join
from imgtools.records import Warned

MAX_MEMBERS = 5_000_000


def unpacked(plain: Path, goal: str, named: Path | None) -> Iterator[Change | Warned]:
    """Yield the changes that an archive stands for.

    :raises HostError: it is damaged, or no tar archive at all.
    """
    shown = named or "standard input"
    links: set[str] = set()
    try:
        with tarfile.open(plain, "r:") as archive:
            for number, member in enumerate(archive):
                if number >= MAX_MEMBERS:
                    raise HostError(f"{shown} has more than {MAX_MEMBERS} members")
                yield from _member(member, plain, goal, links)
    except (tarfile.TarError, OSError) as error:
        raise HostError(f"not a tar archive, or damaged: {shown}: {error}") from None


def _inside(name: str) -> list[str]:
    """The parts of a member's name, none of which leads upwards."""
    return [part for part in name.split("/") if part not in ("", ".", "..")]


def _member(member: tarfile.TarInfo, plain: Path, goal: str, links: set[str]) -> Iterator[Change | Warned]:
    parts = _inside(member.name)
    path = goal
    for part in parts[:-1]:
        path = join(path, part)
        if path in links:
            yield Warned("left out: it would be written through a link of the archive", member.name)
            return
    path = join(path, parts[-1]) if parts else goal
    if parts or member.isdir():
        yield from _changes(member, path, plain, goal)
        (links.add if member.issym() else links.discard)(path)
        yield from _attributes(member, path)


def _changes(member: tarfile.TarInfo, path: str, plain: Path, goal: str) -> Iterator[Change | Warned]:
    mode, uid, gid = member.mode & 0o7777, member.uid, member.gid
    if member.isdir():
        if path != goal:
            yield MakeDirectory(path, mode, uid, gid)
    elif member.isreg():
        mtime = int(member.mtime * 10**9)
        yield Upload(path, plain, member.size, mode, uid, gid, mtime, member.offset_data)
    elif member.issym():
        yield MakeLink(path, member.linkname, uid, gid)
    elif member.islnk():
        first = goal
        for part in _inside(member.linkname):
            first = join(first, part)
        yield MakeHardLink(path, first)
    elif member.ischr() or member.isblk() or member.isfifo():
        kind = "c" if member.ischr() else "b" if member.isblk() else "p"
        yield MakeSpecial(path, kind, (member.devmajor, member.devminor), mode, uid, gid)
    else:
        yield Warned("left out: a kind of member that is not known", member.name)


def _attributes(member: tarfile.TarInfo, path: str) -> Iterator[Change]:
    for name, value in member.pax_headers.items():
        if name.startswith("SCHILY.xattr."):
            yield SetXattr(path, name.removeprefix("SCHILY.xattr."), value.encode("utf-8", "surrogateescape"))
