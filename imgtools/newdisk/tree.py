"""The files that a new filesystem gets, as one tree in memory: what they are, and where on the host their content lies.

It is made from a folder, an archive or the layers of a container's image, and written by whatever makes the
filesystem: as changes, or as a tar archive.
"""

from __future__ import annotations

import tarfile
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, cast

from imgtools.change.change import (
    FileChange,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    SetMode,
    SetOwner,
    SetTimes,
    SetXattr,
    Upload,
)
from imgtools.change.sparse_member import as_sparse
from imgtools.change.writable_tree import open_regular, open_upload
from imgtools.errors import HostError
from imgtools.files.paths import parent_of
from imgtools.records.files import DataPart, FileKind

SECOND = 10**9  # nanoseconds
SPECIAL = {
    FileKind.CHARACTER: tarfile.CHRTYPE,
    FileKind.BLOCK: tarfile.BLKTYPE,
    FileKind.FIFO: tarfile.FIFOTYPE,
}


@dataclass(slots=True, eq=False)
class Node:
    """One file; under several names it is the same object. ``mtime`` is in nanoseconds since 1970.

    The content of a regular file begins at byte ``offset`` of ``host_path``; with ``parts`` it has holes, and only
    these lie there, one behind the other.
    """

    kind: FileKind
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    host_path: Path | None = None
    offset: int = 0
    parts: tuple[DataPart, ...] | None = None
    target: str = ""
    device: tuple[int, int] = (0, 0)
    attributes: dict[str, bytes] = field(default_factory=dict)


class Tree:
    """Files by their paths: absolute, with ``/`` as the directory that is always there."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {"/": Node(FileKind.DIRECTORY)}

    def put(self, path: str, node: Node) -> None:
        """Give a file a name, in the place of what has it; directories above it are made where they are missing."""
        parent = parent_of(path)
        if path != "/" and parent not in self.nodes:
            self.put(parent, Node(FileKind.DIRECTORY, mtime=node.mtime))
        self.nodes[path] = node

    def below(self, path: str) -> list[str]:
        """Return the paths below a directory."""
        prefix = path.rstrip("/") + "/"
        return [one for one in self.nodes if one.startswith(prefix) and one != path]

    def items(self) -> Iterator[tuple[str, Node]]:
        """Yield every path with its file, a directory before what is in it, in an order that is always the same."""
        for path in sorted(self.nodes, key=lambda one: one.strip("/").split("/")):
            yield path, self.nodes[path]

    def names(self) -> Iterator[tuple[str, Node, str]]:
        """Yield path, file, and the first path that it has had if this is another name of it."""
        first: dict[int, str] = {}
        for path, node in self.items():
            yield path, node, first.get(id(node), "")
            first.setdefault(id(node), path)

    def unique(self) -> Iterator[tuple[str, Node]]:
        """Yield every file once, by its first path."""
        for path, node, other in self.names():
            if not other:
                yield path, node

    def own(self, owner: Callable[[int, int], tuple[int, int]]) -> None:
        """Give every file another owner."""
        for _, node in self.unique():
            node.uid, node.gid = owner(node.uid, node.gid)

    def clamp(self, moment: int) -> None:
        """Let no file be younger than a moment, in seconds since 1970: what the variable SOURCE_DATE_EPOCH asks for."""
        for _, node in self.unique():
            node.mtime = min(node.mtime, moment * SECOND)

    def part(self, point: str) -> Tree:
        """Return a directory as a tree of its own; here it stays, and is empty then."""
        found = Tree()
        if point in self.nodes:
            found.nodes["/"] = replace(self.nodes[point])  # another directory: no second name of this one
        for path in self.below(point):
            found.nodes[path[len(point.rstrip("/")) :]] = self.nodes.pop(path)
        return found


def changes_of(tree: Tree, *, with_unix: bool = True) -> Iterator[FileChange]:
    """Yield the changes that make the tree in a filesystem that is empty.

    :param with_unix: it has owners, modes and attributes.
    """
    for path, node, other in tree.names():
        if other:
            yield MakeHardLink(path, other)
            continue
        if path != "/":
            yield _made(path, node, with_unix=with_unix)
        elif with_unix:
            yield SetOwner(path, node.uid, node.gid)
            yield SetMode(path, node.mode)
        if not with_unix:
            continue
        for name, value in sorted(node.attributes.items()):
            yield SetXattr(path, name, value)
    root = tree.nodes["/"]
    yield SetTimes("/", root.mtime, root.mtime)


def _made(path: str, node: Node, *, with_unix: bool) -> FileChange:
    match node.kind:
        case FileKind.DIRECTORY:
            owner = (node.uid, node.gid) if with_unix else (0, 0)
            return MakeDirectory(path, node.mode, *owner, node.mtime)
        case FileKind.LINK:
            return MakeLink(path, node.target, node.uid, node.gid, node.mtime)
        case FileKind.FILE:
            made = upload_of(path, node)
            return made if with_unix else replace(made, mode=None, uid=None, gid=None)
        case kind:
            return MakeSpecial(path, kind.value, node.device, node.mode, node.uid, node.gid, node.mtime)


def upload_of(path: str, node: Node) -> Upload:
    """Return the change that makes a regular file."""
    assert node.host_path is not None
    return Upload(
        path, node.host_path, node.size, node.mode, node.uid, node.gid, node.mtime, node.offset, parts=node.parts
    )  # fmt: skip


# -- as an archive -----------------------------------------------------------------------------------------


def write_archive(
    tree: Tree,
    archive: tarfile.TarFile,
    *,
    with_root: bool = True,
    with_holes: bool = True,
    advance: Callable[[int], None] | None = None,
) -> None:
    """Write the tree as a tar archive, with attributes as GNU tar and bsdtar have them, and with holes.

    :raises HostError: a file cannot be read, or is shorter than it was.
    """
    for path, node, other in tree.names():
        if path == "/" and not with_root:
            continue
        member = _member(path, node)
        if other:
            member.type, member.linkname, member.size = tarfile.LNKTYPE, other[1:], 0
            archive.addfile(member)
        elif node.kind is FileKind.FILE:
            _add_file(archive, member, node, with_holes=with_holes)
        else:
            archive.addfile(member)
        if advance is not None:
            advance(4096 + (node.size if not other else 0))


def _add_file(archive: tarfile.TarFile, member: tarfile.TarInfo, node: Node, *, with_holes: bool) -> None:
    if node.parts is not None and node.host_path is not None:
        with open_regular(node.host_path) as stream:
            spread = cast(BinaryIO, _Spread(stream, node))
            known = [(part.at, part.at + part.size) for part in node.parts if part.size]
            _copy(archive, member, cast(BinaryIO, as_sparse(member, spread, known)) if with_holes else spread)
        return
    with open_upload(upload_of(member.name, node)) as content:
        if with_holes and node.offset == 0 and node.host_path is not None:
            with node.host_path.open("rb") as stream:
                source = as_sparse(member, stream)
                _copy(archive, member, cast(BinaryIO, source))
        else:
            _copy(archive, member, cast(BinaryIO, content))


class _Spread:
    """A file whose data lie one behind the other in a host file, to be read from anywhere; holes are zeros.

    What is read is as long as it is asked for: tarfile takes less for the end.
    """

    def __init__(self, stream: BinaryIO, node: Node) -> None:
        self._stream, self._size, self._at = stream, node.size, 0
        self._parts = node.parts or ()
        self._starts = [part.at for part in self._parts]
        self._places = list(accumulate((part.size for part in self._parts), initial=node.offset))

    def seek(self, at: int) -> int:
        self._at = at
        return at

    def read(self, size: int) -> bytes:
        found, left = [], min(size, self._size - self._at)
        while left > 0 and (piece := self._piece(left)):
            found.append(piece)
            self._at += len(piece)
            left -= len(piece)
        return b"".join(found)

    def _piece(self, size: int) -> bytes:
        index = bisect_right(self._starts, self._at) - 1
        inner = self._at - self._starts[index] if index >= 0 else 0
        if index >= 0 and inner < self._parts[index].size:
            self._stream.seek(self._places[index] + inner)
            return self._stream.read(min(size, self._parts[index].size - inner))
        end = self._starts[index + 1] if index + 1 < len(self._starts) else self._size
        return bytes(min(size, end - self._at))


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, source: BinaryIO) -> None:
    try:
        archive.addfile(member, source)
    except OSError as error:
        if str(error) == "unexpected end of data":
            raise HostError(f"{member.name} became shorter while it was read") from None
        raise


def _member(path: str, node: Node) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path[1:] or ".")
    member.mode, member.uid, member.gid = node.mode, node.uid, node.gid
    member.mtime = node.mtime // SECOND
    headers: dict[str, str] = {}
    if node.mtime % SECOND:
        headers["mtime"] = _seconds(node.mtime)
    for name, value in sorted(node.attributes.items()):
        headers[f"SCHILY.xattr.{name}"] = value.decode("utf-8", "surrogateescape")
    member.pax_headers = headers
    match node.kind:
        case FileKind.DIRECTORY:
            member.type = tarfile.DIRTYPE
        case FileKind.LINK:
            member.type, member.linkname = tarfile.SYMTYPE, node.target
        case FileKind.FILE:
            member.size = node.size
        case kind:
            member.type = SPECIAL[kind]
            member.devmajor, member.devminor = node.device
    return member


def _seconds(nanoseconds: int) -> str:
    sign = "-" if nanoseconds < 0 else ""
    whole, rest = divmod(abs(nanoseconds), SECOND)
    return f"{sign}{whole}.{rest:09d}"
