"""A tar archive as the changes that unpack it into a guest, as GNU tar would with ``-p --numeric-owner --xattrs``.

The members are gone through in their order, on a tree in memory that begins as the guest's; what stands in it at the
end is what the changes make. So of two members with one name the last counts, a hard link is to what its target was at
that moment, and nothing is written that a later member replaces. docs/commands/tar-in.md says what is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
from imgtools.change.writable_tree import open_regular
from imgtools.errors import GuestFileError, HostError
from imgtools.files.paths import join, parent_of
from imgtools.files.tree import MAX_LINKS, GuestReader
from imgtools.filesystems import tar_reader
from imgtools.filesystems.tar_reader import Member, read_members
from imgtools.records.files import FileKind
from imgtools.records.system import Warned

MAX_MEMBERS = 5_000_000
LONGEST_NAME = 255  # bytes of one part of a path, in every filesystem (NAME_MAX)
LONGEST_ATTRIBUTE = 255  # bytes of an attribute's name (XATTR_NAME_MAX), its value 64 KiB (XATTR_SIZE_MAX)
LARGEST_ATTRIBUTE = 64 << 10
NAMESPACES = ("user", "trusted", "security", "system")
SPECIAL = {tar_reader.CHARACTER: "c", tar_reader.BLOCK_DEVICE: "b", tar_reader.FIFO: "p"}


class _LeftOut(Exception):
    """A member is not unpacked; the text says why."""


@dataclass(slots=True)
class _Node:
    """One file as the archive makes it; of several names it is the same. ``member`` None: nothing was said of it."""

    kind: FileKind
    member: Member | None = None
    replaces: bool = False
    name: str = ""  # the first that it has in the guest; empty: none yet
    is_guests: bool = False


def unpacked(plain: Path, goal: str, named: Path | None, files: GuestReader) -> Iterator[Change | Warned]:
    """Yield the changes that an archive stands for, and what is left out.

    Directories that are there already stay as they are, and links to directories too; what else is there is replaced.
    Directories that members need, and that the archive does not name, are made where they are missing.

    :param goal: a directory of the guest, resolved.
    :raises HostError: it is damaged, says what cannot be, or is no tar archive at all.
    """
    shown = named or "standard input"
    try:
        with open_regular(plain) as stream:
            run = _Unpacking(goal, files)
            for number, member in enumerate(read_members(stream, plain.stat().st_size)):
                if number >= MAX_MEMBERS:
                    raise HostError(f"more than {MAX_MEMBERS} members")
                if found := run.take(member):
                    yield found
    except HostError as error:
        raise HostError(f"not a tar archive, or damaged: {shown}: {error.message}", hint=error.hint) from None
    except OSError as error:
        raise HostError(f"cannot read {shown}: {error.strerror}") from None
    yield from run.changes(plain)


class _Unpacking:
    """One run over an archive."""

    def __init__(self, goal: str, files: GuestReader) -> None:
        self._goal, self._files = goal, files
        self._tree: dict[str, _Node] = {}  # by true path, in the order in which they are made
        self._guest: dict[str, _Node | None] = {}
        self._filled: dict[str, int] = {}  # how many names the archive has put into a directory

    # -- taking members ------------------------------------------------------------------------------------

    def take(self, member: Member) -> Warned | None:
        """Put one member into the tree; returns why it is not there."""
        try:
            parts = _parts(member.name, "its name")
            if not parts and not member.is_directory:
                raise _LeftOut("it has no name")
            if not parts:
                return None
            path = self._place(parts)
            if member.kind == tar_reader.HARD_LINK:
                self._link(path, member)
            elif member.is_directory:
                self._put_directory(path, member)
            else:
                self._put(path, _Node(_kind_of(member), member))
        except _LeftOut as why:
            return Warned(f"left out: {why}", member.name)
        if member.kind not in KNOWN:
            return Warned("taken as a file: a kind of member that is not known", member.name)
        return None

    def _at(self, path: str) -> _Node | None:
        """What is at a true path now: the archive's, or the guest's."""
        if path in self._tree:
            return self._tree[path]
        above = self._tree.get(parent_of(path))
        if above is not None and not above.is_guests:
            return None  # in a directory that the archive has made
        if path not in self._guest:
            found = self._files.lstat(path)
            self._guest[path] = None if found is None else _Node(found.kind, name=path, is_guests=True)
        return self._guest[path]

    def _place(self, parts: list[str], *, make: bool = True) -> str:
        """Return the true path of a name, the links before its last part followed, its directories made."""
        here, todo, followed = self._goal, parts[::-1], 0
        own = len(todo)  # as many parts at the end are of the name itself, those before them of a link
        while len(todo) > 1:
            step = join(here, todo.pop())
            node = self._at(step)
            if node is None:
                if len(todo) >= own or not make:
                    raise _LeftOut(f"there is no directory {step}")
                self._put(step, _Node(FileKind.DIRECTORY))
            elif node.kind is FileKind.LINK and not node.is_guests:
                target = node.member.target if node.member else ""
                followed += 1
                own = min(own, len(todo))
                if target.startswith("/") or ".." in target.split("/"):
                    raise _LeftOut("it would be written through a link of the archive")
                if followed > MAX_LINKS:
                    raise _LeftOut("too many symbolic links")
                todo += [part for part in reversed(target.split("/")) if part not in ("", ".")]
                continue
            elif node.kind is FileKind.LINK:
                step = self._follow(step)
            elif node.kind is not FileKind.DIRECTORY:
                raise _LeftOut(f"{step} is no directory")
            here = step
        return join(here, todo[0]) if todo else here

    def _follow(self, path: str) -> str:
        """Where a link of the guest leads."""
        try:
            end = self._files.resolve(path)
        except GuestFileError:
            end = ""
        if not end or not self._files.is_dir(end):
            raise _LeftOut(f"{path} is no directory")
        return end

    # -- the tree ------------------------------------------------------------------------------------------

    def _put_directory(self, path: str, member: Member) -> None:
        before = self._at(path)
        if (
            before is not None
            and before.kind is FileKind.LINK
            and before.is_guests
            and self._files.is_dir(path)
        ):
            return
        if before is None or before.kind is not FileKind.DIRECTORY:
            self._put(path, _Node(FileKind.DIRECTORY, member))
        elif not before.is_guests:
            before.member = member

    def _put(self, path: str, node: _Node) -> None:
        """Put a file in the place of what is there."""
        before = self._at(path)
        if before is not None and before.kind is FileKind.DIRECTORY and self._is_full(path, before):
            raise _LeftOut("a directory that is not empty is in its place")
        if any(len(part.encode("utf-8", "surrogateescape")) > LONGEST_NAME for part in path.split("/")):
            raise _LeftOut(f"a part of its name has more than {LONGEST_NAME} bytes")
        if path not in self._tree:
            self._filled[parent_of(path)] = self._filled.get(parent_of(path), 0) + 1
        self._tree.pop(path, None)
        self._tree[path] = node

    def _is_full(self, path: str, before: _Node) -> bool:
        return bool(self._filled.get(path)) or (before.is_guests and bool(self._files.list_dir(path)))

    def _link(self, path: str, member: Member) -> None:
        try:
            target = self._place(_parts(member.target, "", above=True), make=False)
        except _LeftOut as why:
            raise _LeftOut(f"no hard link to {member.target} can be made: {why}") from None
        if target != self._goal and not target.startswith(self._goal.rstrip("/") + "/"):
            raise _LeftOut(f"no hard link to {member.target} can be made: it leads out of {self._goal}")
        node = self._at(target)
        if node is None or node.kind is FileKind.DIRECTORY:
            what = "is not there" if node is None else "is a directory"
            raise _LeftOut(f"no hard link to {member.target} can be made: it {what}")
        if path != target:
            self._put(path, node)

    # -- what comes of it ----------------------------------------------------------------------------------

    def changes(self, plain: Path) -> Iterator[Change | Warned]:
        """Yield what makes the tree, in its order."""
        for path, node in self._tree.items():
            replaces = self._guest.get(path) is not None
            if node.name:
                yield MakeHardLink(path, node.name, replaces)
                continue
            node.name = path
            if node.kind is FileKind.LINK and _is_directory(self._guest.get(path)):
                yield Remove(path)
            yield _make(path, node, plain, replaces=replaces)
            if node.member is not None:
                yield from _attributes(path, node.member)


def _is_directory(node: _Node | None) -> bool:
    return node is not None and node.kind is FileKind.DIRECTORY


def _kind_of(member: Member) -> FileKind:
    if member.kind == tar_reader.LINK:
        if not member.target:
            raise _LeftOut("a link that leads nowhere")
        return FileKind.LINK
    return FileKind(SPECIAL[member.kind]) if member.kind in SPECIAL else FileKind.FILE


def _parts(name: str, what: str, *, above: bool = False) -> list[str]:
    """The parts of a name. With ``above`` those behind the last that leads upwards; else such a name is left out."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        if not above:
            raise _LeftOut(f"{what} leads upwards")
        parts = parts[len(parts) - parts[::-1].index("..") :]
    return parts


def _make(path: str, node: _Node, plain: Path, *, replaces: bool) -> Change:
    """The change that makes a file that is new."""
    one = node.member
    if one is None:
        return MakeDirectory(path, replace=replaces)
    match node.kind:
        case FileKind.DIRECTORY:
            return MakeDirectory(path, one.mode, one.uid, one.gid, one.mtime, replaces)
        case FileKind.LINK:
            return MakeLink(path, one.target, one.uid, one.gid, one.mtime)
        case FileKind.FILE:
            return Upload(
                path, plain, one.size, one.mode, one.uid, one.gid, one.mtime, one.offset,
                replace=replaces, parts=one.parts,
            )  # fmt: skip
        case kind:
            return MakeSpecial(path, kind.value, one.device, one.mode, one.uid, one.gid, one.mtime, replaces)


def _attributes(path: str, member: Member) -> Iterator[Change | Warned]:
    for name, value in member.attributes:
        namespace, _, rest = name.partition(".")
        if (
            namespace not in NAMESPACES
            or not rest
            or len(name.encode("utf-8", "replace")) > LONGEST_ATTRIBUTE
        ):
            yield Warned(f"left out: no name of an attribute: {name[:40]!r}", path)
        elif len(value) > LARGEST_ATTRIBUTE:
            yield Warned(f"left out: the attribute {name} of {len(value)} bytes", path)
        else:
            yield SetXattr(path, name, value)


KNOWN = {
    *(bytes([one]) for one in tar_reader.FILES), *SPECIAL, tar_reader.LINK, tar_reader.HARD_LINK,
    tar_reader.DIRECTORY, tar_reader.DUMP_DIRECTORY,
}  # fmt: skip
