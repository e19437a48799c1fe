"""A folder of the host as the tree of a new filesystem."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from imgtools.errors import HostError, NotADirectory
from imgtools.files.paths import join
from imgtools.newdisk.tree import Node, Tree
from imgtools.records.files import FileKind
from imgtools.records.system import Warned

KINDS = {
    stat.S_IFREG: FileKind.FILE,
    stat.S_IFDIR: FileKind.DIRECTORY,
    stat.S_IFLNK: FileKind.LINK,
    stat.S_IFCHR: FileKind.CHARACTER,
    stat.S_IFBLK: FileKind.BLOCK,
    stat.S_IFIFO: FileKind.FIFO,
}
# What the kernel makes of modes, and an ACL by its other names, is no attribute that is copied.
NAMESPACES = ("user.", "trusted.", "security.", "system.posix_acl_")


def read_folder(source: Path) -> tuple[Tree, list[Warned]]:
    """Return the files of a folder, with the owners that they have there, and what is left out.

    :raises HostError: something cannot be read.
    """
    if not source.is_dir():
        raise NotADirectory(f"not a folder: {source}")
    tree, warnings = Tree(), []
    seen: dict[tuple[int, int], Node] = {}
    for path, place in _walk(source):
        try:
            found = path.lstat()
            key = (found.st_dev, found.st_ino)
            kind = KINDS.get(stat.S_IFMT(found.st_mode))
            if kind is None:
                warnings.append(Warned("left out: a socket, which goes with who listens at it", str(path)))
                continue
            node = seen.get(key) if found.st_nlink > 1 and kind is not FileKind.DIRECTORY else None
            tree.put(place, node or _node(path, kind, found))
            seen[key] = tree.nodes[place]
        except OSError as error:
            raise HostError(f"cannot read {path}: {error.strerror}") from None
    return tree, warnings


def _walk(source: Path) -> Iterator[tuple[Path, str]]:
    """Yield every host path with its place in the tree, a folder before what is in it; no link is followed."""
    yield source, "/"
    todo = [(source, "/")]
    while todo:
        folder, place = todo.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError as error:
            raise HostError(f"cannot read {folder}: {error.strerror}") from None
        for name, is_folder in found:
            yield folder / name, join(place, name)
            if is_folder:
                todo.append((folder / name, join(place, name)))


def _node(path: Path, kind: FileKind, found: os.stat_result) -> Node:
    node = Node(kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_mtime_ns)
    if kind is FileKind.FILE:
        node.size, node.host_path = found.st_size, path.absolute()
        if not os.access(path, os.R_OK):
            raise HostError(f"cannot read {path}: Permission denied")
    elif kind is FileKind.LINK:
        node.target = os.readlink(path)  # noqa: PTH115 (keeps odd bytes)
    elif kind in (FileKind.CHARACTER, FileKind.BLOCK):
        node.device = (os.major(found.st_rdev), os.minor(found.st_rdev))
    node.attributes = _attributes(path)
    return node


def _attributes(path: Path) -> dict[str, bytes]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:  # a filesystem that has none
        return {}
    kept = (name for name in names if name.startswith(NAMESPACES))
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in kept}
