"""Tar archives, and the layers of containers' images, as the tree of a new filesystem.

What an archive of a stranger says is put into a tree in memory, where names lead nowhere but into the tree: a name
that leads upwards out of it is refused, and so is one that would be written through a link which does.
"""

from __future__ import annotations

from pathlib import Path

from imgtools.change.unpack import LARGEST_ATTRIBUTE, LONGEST_ATTRIBUTE, LONGEST_NAME, MAX_MEMBERS, NAMESPACES
from imgtools.change.writable_tree import open_regular
from imgtools.errors import BadSource, HostError
from imgtools.files.paths import join
from imgtools.files.tree import MAX_LINKS
from imgtools.filesystems import tar_reader
from imgtools.filesystems.tar_reader import Member, read_members
from imgtools.newdisk.tree import Node, Tree
from imgtools.records.files import FileKind

SPECIAL = {
    tar_reader.CHARACTER: FileKind.CHARACTER,
    tar_reader.BLOCK_DEVICE: FileKind.BLOCK,
    tar_reader.FIFO: FileKind.FIFO,
}
# image-spec/layer.md of the Open Container Initiative: "Whiteouts", "Opaque Whiteout".
MOST_LOOKED_AT = 1000  # members, whose names say what an archive is
WHITEOUT, OPAQUE, OF_AUFS = ".wh.", ".wh..wh..opq", ".wh..wh."


class Layers:
    """Archives put on top of each other; what a later one brings or takes away counts."""

    def __init__(self) -> None:
        self.tree = Tree()
        self._number = 0
        self._layer: dict[str, int] = {"/": 0}  # which one has brought a path

    def add(self, plain: Path, shown: str, *, is_layer: bool = False) -> None:
        """Put an archive on top.

        :param plain: a plain tar archive, which stays while the tree is used.
        :param is_layer: names that begin with ``.wh.`` take files of the layers below away.
        :raises BadSource: it is damaged, or leads out.
        """
        self._number += 1
        try:
            with open_regular(plain) as stream:
                for number, member in enumerate(read_members(stream, plain.stat().st_size)):
                    if number >= MAX_MEMBERS:
                        raise BadSource(f"{shown}: more than {MAX_MEMBERS} members")
                    self._take(member, plain, shown, is_layer=is_layer)
        except BadSource:
            raise
        except HostError as error:
            raise BadSource(
                f"not a tar archive, or damaged: {shown}: {error.message}", hint=error.hint
            ) from None
        except OSError as error:
            raise HostError(f"cannot read {shown}: {error.strerror}") from None

    def _take(self, member: Member, plain: Path, shown: str, *, is_layer: bool) -> None:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise BadSource(
                f"{shown}: {member.name} leads out of it", hint="no such archive is unpacked here"
            )
        if any(len(part.encode("utf-8", "surrogateescape")) > LONGEST_NAME for part in parts):
            raise BadSource(f"{shown}: a part of a name has more than {LONGEST_NAME} bytes: {member.name}")
        if not parts:
            if member.is_directory:
                self.tree.nodes["/"] = self._node(member, plain, shown)
            return
        folder = self._folder(parts[:-1], member.name, shown)
        name = parts[-1]
        if is_layer and name.startswith(WHITEOUT):
            self._white_out(folder, name)
            return
        path = join(folder, name)
        if member.kind == tar_reader.HARD_LINK:
            self._put(path, self._linked(member, shown))
        else:
            self._put(path, self._node(member, plain, shown))

    # -- places --------------------------------------------------------------------------------------------

    def _folder(self, parts: list[str], name: str, shown: str) -> str:
        """Return the true path of a directory, links followed inside the tree; made where it is missing."""
        here: list[str] = []
        todo, followed = parts[::-1], 0
        while todo:
            part = todo.pop()
            if part == "..":
                if not here:
                    raise BadSource(f"{shown}: {name} leads out of it, by way of a link")
                here.pop()
                continue
            path = "/" + "/".join([*here, part])
            node = self.tree.nodes.get(path)
            if node is not None and node.kind is FileKind.LINK:
                followed += 1
                if followed > MAX_LINKS:
                    raise BadSource(f"{shown}: too many symbolic links on the way to {name}")
                if node.target.startswith("/"):
                    here = []
                todo += [one for one in reversed(node.target.split("/")) if one not in ("", ".")]
                continue
            if node is None or node.kind is not FileKind.DIRECTORY:
                self._put(path, Node(FileKind.DIRECTORY))
            here.append(part)
        return "/" + "/".join(here)

    def _linked(self, member: Member, shown: str) -> Node:
        """Return the file that a hard link is another name of."""
        parts = [part for part in member.target.split("/") if part not in ("", ".")]
        if ".." in parts or not parts:
            raise BadSource(f"{shown}: the hard link {member.name} leads out of it, to {member.target}")
        path = join(self._folder(parts[:-1], member.name, shown), parts[-1])
        node = self.tree.nodes.get(path)
        if node is None or node.kind is FileKind.DIRECTORY:
            raise BadSource(
                f"{shown}: {member.name} is a hard link to {member.target}, which is no file in it"
            )
        return node

    def _put(self, path: str, node: Node) -> None:
        before = self.tree.nodes.get(path)
        if before is not None and before.kind is FileKind.DIRECTORY and node.kind is not FileKind.DIRECTORY:
            self._remove(path)
        self.tree.put(path, node)
        self._layer[path] = self._number

    def _remove(self, path: str) -> None:
        for one in [*self.tree.below(path), path]:
            self.tree.nodes.pop(one, None)

    # -- layers --------------------------------------------------------------------------------------------

    def _white_out(self, folder: str, name: str) -> None:
        """Take away what layers below have brought."""
        if name == OPAQUE:
            gone = self.tree.below(folder)
        elif name.startswith(OF_AUFS):
            return
        else:
            path = join(folder, name.removeprefix(WHITEOUT))
            gone = [path, *self.tree.below(path)] if path in self.tree.nodes else []
        ours = {one for one in gone if self._layer.get(one) == self._number}
        for one in gone:
            if one not in ours and not any(kept.startswith(f"{one}/") for kept in ours):
                del self.tree.nodes[one]

    # -- members -------------------------------------------------------------------------------------------

    def _node(self, member: Member, plain: Path, shown: str) -> Node:
        kind = _kind_of(member)
        node = Node(kind, member.mode, member.uid, member.gid, member.mtime)
        match kind:
            case FileKind.FILE:
                node.size, node.host_path, node.offset, node.parts = (
                    member.size, plain, member.offset, member.parts,
                )  # fmt: skip
            case FileKind.LINK:
                if not member.target:
                    raise BadSource(f"{shown}: {member.name} is a link that leads nowhere")
                node.target = member.target
            case FileKind.CHARACTER | FileKind.BLOCK:
                node.device = member.device
        for name, value in member.attributes:
            _require_attribute(name, value, f"{shown}: {member.name}")
            node.attributes[name] = value
        return node


def _kind_of(member: Member) -> FileKind:
    if member.is_directory:
        return FileKind.DIRECTORY
    if member.kind == tar_reader.LINK:
        return FileKind.LINK
    return SPECIAL.get(member.kind, FileKind.FILE)


def _require_attribute(name: str, value: bytes, shown: str) -> None:
    namespace, _, rest = name.partition(".")
    if namespace not in NAMESPACES or not rest or len(name.encode("utf-8", "replace")) > LONGEST_ATTRIBUTE:
        raise BadSource(f"{shown}: no name of an extended attribute: {name[:40]!r}")
    if len(value) > LARGEST_ATTRIBUTE:
        raise BadSource(f"{shown}: the extended attribute {name} has {len(value)} bytes")


def read_archive(plain: Path, shown: str) -> Tree:
    """Return what a plain tar archive holds.

    :raises BadSource: it is damaged, or leads out.
    """
    layers = Layers()
    layers.add(plain, shown)
    return layers.tree


def top_names(plain: Path) -> set[str]:
    """Return the first names of an archive, which say what it is; none if it is damaged."""
    found: set[str] = set()
    try:
        with plain.open("rb") as stream:
            for number, member in enumerate(read_members(stream, plain.stat().st_size)):
                found.add(member.name.removeprefix("./").rstrip("/"))
                if number >= MOST_LOOKED_AT:
                    break
    except HostError:  # whoever reads it says so
        return set()
    return found
