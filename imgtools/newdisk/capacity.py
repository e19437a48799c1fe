"""What a filesystem of each type can hold, and how much room the files of a tree take in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from imgtools.engine.mkfs import KINDS, NewFilesystem
from imgtools.errors import CannotHold, UsageError
from imgtools.newdisk.tree import Node, Tree
from imgtools.records.files import FileKind
from imgtools.records.system import Warned
from imgtools.units import rounded_up

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
READ_ONLY = ("iso9660", "squashfs")  # made as they are, with no room for more
TYPES = (*KINDS, *READ_ONLY)
ALL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "squashfs"})
UNIX = ALL | {"iso9660", "udf"}  # links, devices, owners and modes
HARD_LINKS = UNIX | {"ntfs"}
_UNFIT = {
    # Microsoft's "Naming Files, Paths, and Namespaces": what Windows takes in no name.
    **dict.fromkeys(("vfat", "exfat", "ntfs"), re.compile(r'[\x00-\x1f"*/:<>?\\|]|[. ]$')),
    "swap": re.compile(""),
}
_LARGEST = {"vfat": 4 * GIB - 1, "iso9660": 4 * GIB - 1}
_NAMED = {
    FileKind.LINK: "symbolic links",
    FileKind.CHARACTER: "devices",
    FileKind.BLOCK: "devices",
    FileKind.FIFO: "named pipes",
}


def require_holdable(tree: Tree, kind: str, *, keeps_owners: bool) -> list[Warned]:
    """Make sure that a filesystem can hold the files of a tree; returns what it will not keep of them.

    :param keeps_owners: somebody has said that owners are to be kept.
    :raises CannotHold: it cannot hold a kind of file, a name, a size, or an owner that is to be kept.
    :raises UsageError: it holds no files at all.
    """
    if kind == "swap" and len(tree.nodes) > 1:
        raise UsageError("a swap area holds no files", hint="leave --from away")
    _refuse(kind, "", ((path, _NAMED[node.kind]) for path, node in tree.unique() if _is_odd(kind, node)))
    unfit = _UNFIT.get(kind)
    if unfit is not None:
        names = (path for path in tree.nodes if path != "/" and unfit.search(path.rpartition("/")[2]))
        _refuse(kind, "", ((path, "the name") for path in names))
        _refuse_twins(tree, kind)
    largest = _LARGEST.get(kind)
    if largest is not None:
        big = (path for path, node in tree.unique() if node.size > largest)
        _refuse(kind, f", only {largest} bytes", ((path, "a file so large") for path in big))
    if kind not in UNIX and keeps_owners:
        owned = (path for path, node in tree.unique() if (node.uid, node.gid) != (0, 0))
        _refuse(kind, "", ((path, "owners") for path in owned))
    return list(_losses(tree, kind))


def _is_odd(kind: str, node: Node) -> bool:
    return kind not in UNIX and node.kind in _NAMED


def _refuse(kind: str, more: str, found: Iterator[tuple[str, str]]) -> None:
    cases = list(found)
    if cases:
        path, what = min(cases)
        others = f", and {len(cases) - 1} more" if len(cases) > 1 else ""
        raise CannotHold(
            f"{kind} cannot hold {what}{more}: {path}{others}",
            hint="choose another --type, such as ext4, or leave them out of the source",
        )


def _refuse_twins(tree: Tree, kind: str) -> None:
    """Names that differ in case only are one name there."""
    seen: dict[str, str] = {}
    for path in sorted(tree.nodes):
        other = seen.setdefault(path.casefold(), path)
        if other != path:
            raise CannotHold(f"{kind} takes {other} and {path} for one name", hint="rename one of them")


def _losses(tree: Tree, kind: str) -> Iterator[Warned]:
    files = list(tree.unique())
    if kind not in UNIX and any(node.mode & 0o111 and node.kind is FileKind.FILE for _, node in files):
        yield Warned(f"{kind} keeps no modes: what is executable is not so there")
    lost = sum(1 for _, node in files if node.attributes) if kind not in ALL else 0
    if lost:
        yield Warned(f"{kind} keeps no extended attributes here: those of {lost} files are left out")
    if kind == "squashfs" and any(
        name.startswith("system.") for _, node in files for name in node.attributes
    ):
        yield Warned("squashfs keeps no access control lists: those of the source are left out")
    names = len(tree.nodes) - len(files)
    if kind not in HARD_LINKS and names:
        yield Warned(f"{kind} has no hard links: {names} names become copies")


# -- room --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Room:
    """What a filesystem needs: bytes at least, bytes with some room to spare, and inodes."""

    least: int
    usual: int
    inodes: int


def room_for(tree: Tree, kind: str, block: int = 0) -> Room:
    """Return how large a filesystem of a type has to be for the files of a tree.

    :param block: bytes of its blocks, 0: the usual ones.
    """
    files = sum(1 for _ in tree.unique())
    match kind:
        case "ext2" | "ext3" | "ext4":
            least = _ext(tree, files, block or 4 * KIB, has_journal=kind != "ext2")
        case "xfs":
            data = _data(tree, block or 4 * KIB) + 2 * KIB * files
            least = max(KINDS[kind].least, 80 * MIB + data * 103 // 100)
        case "btrfs":
            least = max(KINDS[kind].least, 160 * MIB + _data(tree, 4 * KIB) * 103 // 100 + 8 * KIB * files)
        case "vfat":
            is_small = _data(tree, 512, names=32) < MIB  # then mkfs.fat makes a FAT12 with small clusters
            cluster = block or (512 if is_small else 4 * KIB)
            clusters = _data(tree, cluster, names=32) // cluster
            least = (32 * KIB if is_small else MIB) + clusters * (cluster + 8)
        case "exfat":
            cluster = block or 32 * KIB
            least = 8 * MIB + _data(tree, cluster, names=96) * 101 // 100
        case "ntfs":
            least = 16 * MIB + (_data(tree, block or 4 * KIB) + 2 * KIB * files) * 104 // 100
        case "udf":
            least = 4 * MIB + (_data(tree, 512) + 3 * KIB * files) * 102 // 100
        case _:
            least = KINDS[kind].least if kind in KINDS else 0
    least = rounded_up(
        max(least, KINDS[kind].least if kind in KINDS else 0), MIB if least >= MIB else 4 * KIB
    )
    return Room(least, rounded_up(least + max(least // 10, MIB), MIB), files + max(64, files // 10))


def suited(new: NewFilesystem, size: int, tree: Tree) -> NewFilesystem:
    """Return a filesystem with the blocks, inodes and names in its root that the files of a tree need.

    :param size: bytes of its room.
    """
    if new.kind in ("ext2", "ext3", "ext4"):
        block = new.block_size or (4 * KIB if size >= 16 * MIB else KIB)
        needed = room_for(tree, new.kind, block).inodes
        return replace(new, block_size=block, inodes=max(needed, size // (16 * KIB)))
    if new.kind == "vfat":
        names = (path for path in tree.nodes if path.count("/") == 1 and path != "/")
        entries = 1 + sum(
            1 + -(-len(name) // 13) for name in names
        )  # a long name has 13 characters in an entry
        return replace(new, root_names=-(-entries // 16) * 16) if entries > 500 else new
    return new


def _ext(tree: Tree, files: int, block: int, *, has_journal: bool) -> int:
    attributes = sum(block for _, node in tree.unique() if node.attributes)
    inodes = 256 * (files + max(64, files // 10))
    body = (_data(tree, block) + attributes + inodes) * 101 // 100 + 64 * block
    # lib/ext2fs/mkjournal.c, ext2fs_default_journal_size: by the number of blocks.
    steps = ((2048, 0), (32768, 1024), (262144, 4096), (524288, 8192), (4194304, 16384), (8388608, 32768))
    journal = next((size for blocks, size in steps if body // block * 11 // 10 < blocks), 65536) * block
    groups = body // (block * 8 * block) + 1
    descriptors = groups * (4 + min(1024, groups + 64)) * block  # bitmaps, and room for more groups
    return body + (journal if has_journal else 0) + descriptors


def _data(tree: Tree, block: int, *, names: int = 0) -> int:
    """Bytes of the blocks that contents and directories fill; ``names``: of a directory's entry without its name."""
    total = 0
    filled: dict[str, int] = {}
    for path, node in tree.unique():
        if node.kind is FileKind.FILE:
            stored = (
                sum(rounded_up(one.size, block) for one in node.parts)
                if node.parts is not None
                else node.size
            )
            total += rounded_up(stored, block)
        elif node.kind is FileKind.LINK and len(node.target) >= 60:
            total += block
        parent, _, name = path.rpartition("/")
        filled[parent] = (
            filled.get(parent, 0) + (names or 16) + 3 * len(name.encode("utf-8", "surrogateescape"))
        )
    folders = sum(1 for _, node in tree.unique() if node.kind is FileKind.DIRECTORY)
    return total + sum(rounded_up(size, block) for size in filled.values()) + folders * block
