"""The plan that makes a guest what a draft shows.

First what the guest's own files become, where they are; then removals; then directories and what was renamed, each
after the directory that it is in; then new files, and second names at last. Where files take each other's places,
what was renamed waits under a name that nobody uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imgtools.change.change import (
    Change,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    Move,
    Remove,
    SetMode,
    SetOwner,
    SetTimes,
    SetXattr,
    Upload,
)
from imgtools.change.mounted_folder.names import Names, above
from imgtools.files.paths import join, parent_of
from imgtools.files.tree import GuestReader
from imgtools.records.files import FileKind, FileStat

LABEL = "security.selinux"


@dataclass(slots=True)
class Node:
    """One file that was changed or made; several paths may lead to it."""

    stat: FileStat
    origin: str | None  # its path in the guest; None: it is new
    content: Path | None = None  # where its new content is; None: the guest's own
    target: str = ""
    xattrs: dict[str, bytes | None] = field(default_factory=dict)


def volume_of(path: str, points: Sequence[str]) -> str:
    """Return the mount point that a path is below, or is."""
    return max((point for point in points if f"{path}/".startswith(f"{point.rstrip('/')}/")), key=len)


def plan_draft(
    nodes: Mapping[str, Node], names: Names, files: GuestReader, points: Sequence[str]
) -> Iterator[Change]:
    """Yield the changes, in their order.

    :param points: the guest's mount points.
    """
    mains = _main_names(nodes, names)
    new = {path: node for path, node in sorted(nodes.items()) if mains[id(node)] == path and not node.origin}
    for node in {id(one): one for _, one in sorted(nodes.items()) if one.origin}.values():
        yield from _changes_of(node.origin or "", node, files)
    waiting = {} if _is_direct(nodes, names) else _waiting_names(names, files, points)
    for origin, place in waiting.items():
        yield Move(origin, place)
    yield from _removals(new, names, files, waiting)
    for path in sorted({*names.moved, *(path for path, node in new.items() if _is_directory(node))}):
        if path in names.moved:
            origin = names.moved[path]
            yield Move(waiting.get(origin, origin), path)
        else:
            yield from _changes_of(path, new[path], files)
    for path, node in new.items():
        if not _is_directory(node):
            yield from _changes_of(path, node, files)
    for path, node in sorted(nodes.items()):
        if mains[id(node)] != path:
            yield MakeHardLink(path, mains[id(node)])


def _is_directory(node: Node) -> bool:
    return node.stat.kind is FileKind.DIRECTORY


def _main_names(nodes: Mapping[str, Node], names: Names) -> dict[int, str]:
    """By identity of a node, the path at which it is made or found; its other paths are links to that."""
    found: dict[int, str] = {}
    for path, node in sorted(nodes.items()):
        if id(node) not in found or (node.origin and names.origin(path) == node.origin):
            found[id(node)] = path
    return found


def _is_direct(nodes: Mapping[str, Node], names: Names) -> bool:
    """Whether everything that was renamed can go straight to its new name."""
    origins = set(names.moved.values())
    taken = {*names.moved, *(path for path, node in nodes.items() if names.origin(path) is None)}
    busy = {one for path in (*taken, *origins) for one in above(path)} | taken
    return not any(
        origin in busy or any(one in taken or one in names.removed for one in above(origin))
        for origin in origins
    )


def _waiting_names(names: Names, files: GuestReader, points: Sequence[str]) -> dict[str, str]:
    """A name for each renamed file that nobody uses, on its own volume; what is deepest comes first."""
    found: dict[str, str] = {}
    for number, origin in enumerate(sorted(names.moved.values(), reverse=True)):
        place = join(volume_of(origin, points), f".imgtools-{number}")
        while files.lstat(place) is not None:
            place += "-"
        found[origin] = place
    return found


def _removals(
    new: Mapping[str, Node], names: Names, files: GuestReader, waiting: Mapping[str, str]
) -> Iterator[Change]:
    origins = set(names.moved.values())
    for path in sorted(names.removed):
        # What was in a directory goes with it, unless it had left it.
        around = next((one for one in above(path) if one in names.removed or one in origins), "")
        if around in names.removed and around not in origins:
            continue
        stat = files.lstat(path)
        if _is_overwritten(path, stat, new, names) and set(files.xattrs(path)) <= {LABEL}:
            continue
        is_directory = stat is not None and stat.kind is FileKind.DIRECTORY
        place = next((waiting[one] + path[len(one) :] for one in above(path) if one in waiting), path)
        yield Remove(place, recursive=is_directory, size=stat.size if stat else 0)


def _is_overwritten(path: str, stat: FileStat | None, new: Mapping[str, Node], names: Names) -> bool:
    """Whether a new file takes the place of one with no other names: then it gets that one's label."""
    node = new.get(path)
    if node is None or node.content is None or names.origin(parent_of(path)) != parent_of(path):
        return False
    return stat is not None and stat.kind is FileKind.FILE and stat.links <= 1


def _changes_of(path: str, node: Node, files: GuestReader) -> Iterator[Change]:
    stat = node.stat
    if node.content is not None:
        size = node.content.stat().st_size
        yield Upload(path, node.content, size, stat.mode, stat.uid, stat.gid, stat.mtime)
    elif node.origin is not None:
        yield from _facts(path, stat, files)
    elif _is_directory(node):
        yield MakeDirectory(path, stat.mode, stat.uid, stat.gid)
    elif stat.kind is FileKind.LINK:
        yield MakeLink(path, node.target, stat.uid, stat.gid)
    else:
        yield MakeSpecial(path, stat.kind.value, stat.device, stat.mode, stat.uid, stat.gid)
    for name, value in node.xattrs.items():
        yield SetXattr(path, name, value)


def _facts(path: str, stat: FileStat, files: GuestReader) -> Iterator[Change]:
    old = files.lstat(path)
    if old is None:
        return
    if (old.uid, old.gid) != (stat.uid, stat.gid):
        yield SetOwner(path, stat.uid, stat.gid)
    if old.mode != stat.mode and stat.kind is not FileKind.LINK:
        yield SetMode(path, stat.mode)
    if (old.atime, old.mtime) != (stat.atime, stat.mtime):
        yield SetTimes(path, stat.atime, stat.mtime)
