"""One filesystem of a new disk, made and filled in a file of its own: nothing boots here.

ext is written by libext2fs, NTFS through ntfs-3g, FAT by mtools, squashfs and ISO 9660 are made as a whole. What none
of them can do is left to the appliance (``booted.py``): :class:`CannotWrite` says why.
"""

from __future__ import annotations

import os
import tarfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.change.applier import apply_changes
from imgtools.change.writable_tree import WritableTree, open_upload
from imgtools.engine.confined.ext import ExtWriter
from imgtools.engine.direct.e2fsck import check_ext
from imgtools.engine.direct.mtools_copy import CannotCopy, FatFile, copy_files, make_folders
from imgtools.engine.direct.write import Writer
from imgtools.engine.direct.write_fat import check_fat
from imgtools.engine.direct.write_ntfs import NtfsWriter, check_ntfs
from imgtools.engine.mkfs import NewFilesystem, make_filesystem
from imgtools.engine.whole_images import IsoFile, make_iso, make_squashfs
from imgtools.errors import CannotHold, EditFailed, TooSmall
from imgtools.filesystems.api import CannotWrite
from imgtools.filesystems.ext.superblock_time import set_superblock_times
from imgtools.filesystems.iso.repeatable import make_repeatable
from imgtools.filesystems.ntfs.times import clamp_times
from imgtools.newdisk.tree import SECOND, Node, Tree, changes_of, upload_of, write_archive
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind
from imgtools.records.progress import Progress
from imgtools.records.request import Engine
from imgtools.units import format_size

CHUNK = 1 << 20
EXT = ("ext2", "ext3", "ext4")
BOOTED = ("xfs", "btrfs", "exfat", "udf")  # made here, filled by a kernel


@dataclass(frozen=True, slots=True)
class Filled:
    """What was made: a file that is the filesystem, and whether its files are still to come."""

    host_path: Path
    is_full: bool = True
    reason: str = ""  # why a kernel has to write the files


def make_whole(target: Path, new: NewFilesystem, tree: Tree, scratch: Path) -> None:
    """Make a squashfs or an ISO 9660; it is as large as it has to be.

    :raises EditFailed: its program refuses.
    :raises CannotHold: a device, which only root can make for the ISO.
    """
    root = _iso_file("/", tree.nodes["/"], None)
    if new.kind == "squashfs":

        def pack(archive: tarfile.TarFile) -> None:
            # sqfstar finds blocks of zeros itself, and stumbles over maps of holes (4.5.1).
            write_archive(tree, archive, with_root=False, with_holes=False)

        make_squashfs(target, pack, root, block_size=new.block_size, moment=new.moment)
        return
    stage = _Stage(scratch)
    files = [_iso_file(path, node, stage.path_of(path, node)) for path, node in tree.items()]
    reads = [scratch, *stage.outside]
    make_iso(target, files, label=new.label, uuid=new.uuid, moment=new.moment, reads=reads)
    if new.moment is not None:
        make_repeatable(target, new.moment)


def _iso_file(path: str, node: Node, host_path: Path | None) -> IsoFile:
    return IsoFile(path, host_path, node.mode, node.uid, node.gid, node.mtime // SECOND)


def make_filled(
    target: Path,
    size: int,
    new: NewFilesystem,
    tree: Tree,
    scratch: Path,
    progress: Progress | None = None,
) -> Filled:
    """Make a filesystem of ``size`` bytes with the files of a tree in it, as far as that needs no kernel.

    :raises TooSmall: the files do not fit.
    :raises EditFailed: a program refuses.
    :raises RolledBack: the filesystem's own checker does not find it in order.
    """
    target.touch(exist_ok=False)
    _make_empty(target, size, new)
    if len(tree.nodes) == 1 and _is_plain_root(tree.nodes["/"]):
        if new.kind in EXT and new.moment is not None:
            set_superblock_times(target, new.moment)
        return Filled(target)
    if new.kind in BOOTED:
        return Filled(target, is_full=False, reason=f"nothing but a kernel writes to {new.kind}")
    try:
        _fill(target, new, tree, scratch, progress)
    except CannotWrite as refused:
        _make_empty(target, size, new)  # what was written before that is not whole, and a kernel would say so
        return Filled(target, is_full=False, reason=refused.declined.reason)
    except EditFailed as error:
        if "no room" in error.message:
            raise TooSmall(
                f"{format_size(size)} have no room for the files in {new.kind}",
                hint="--size auto finds out how much has",
            ) from None
        raise
    return Filled(target)


def _make_empty(target: Path, size: int, new: NewFilesystem) -> None:
    os.truncate(target, 0)
    os.truncate(target, size)
    make_filesystem(target, replace(new, is_fresh=True))


def _is_plain_root(root: Node) -> bool:
    return (root.mode, root.uid, root.gid) == (0o755, 0, 0) and not root.attributes and not root.mtime


def _fill(target: Path, new: NewFilesystem, tree: Tree, scratch: Path, progress: Progress | None) -> None:
    if new.kind == "vfat":
        _fill_fat(target, tree, scratch, new.moment)
        return
    if new.kind == "ntfs":
        if os.geteuid() != 0:
            raise CannotWrite(Declined("", "ntfs-3g mounts for root only"))
        _apply(NtfsWriter(target, "the new volume"), tree, progress, with_unix=False)
        if new.moment is not None:
            clamp_times(target, new.moment)
            check_ntfs(target, "the new volume")
        return
    _apply(ExtWriter(target, "the new volume", check_ext, new.moment), tree, progress)
    if new.moment is not None:
        set_superblock_times(target, new.moment)


def _apply(writer: Writer, tree: Tree, progress: Progress | None, *, with_unix: bool = True) -> None:
    changes = list(changes_of(tree, with_unix=with_unix))
    with ExitStack() as stack:
        stack.callback(writer.abandon)
        apply_changes(WritableTree({}, {"/": writer}, Engine.DIRECT), changes, progress=progress)
        stack.pop_all()
    writer.finish()


# -- FAT ---------------------------------------------------------------------------------------------------


def _fill_fat(target: Path, tree: Tree, scratch: Path, moment: int | None) -> None:
    """Directories level by level, then files folder by folder: one program for many of them."""
    stage = _Stage(scratch)
    levels: dict[int, list[str]] = {}
    folders: dict[str, list[FatFile]] = {}
    for path, node in tree.items():
        parent, _, name = path.rpartition("/")
        if node.kind is FileKind.DIRECTORY and path != "/":
            levels.setdefault(path.count("/"), []).append(path)
        elif node.kind is FileKind.FILE:
            folders.setdefault(parent, []).append(FatFile(name, stage.named(path, node, name)))
    try:
        for level in sorted(levels):
            make_folders(target, levels[level], moment)
        for parent, files in folders.items():
            copy_files(target, parent, files, scratch, moment)
    except CannotCopy as error:
        raise CannotWrite(Declined("", str(error))) from None
    check_fat(target, "the new volume")


# -- files of the host that programs take as they are -------------------------------------------------------


class _Stage:
    """Makes host files of what lies in archives; what is a file of the host already is used where it lies."""

    def __init__(self, scratch: Path) -> None:
        self._folder = scratch / "files"
        self._folder.mkdir(exist_ok=True)
        self._made: dict[int, Path] = {}
        self._named = 0
        self.outside: list[Path] = []

    def path_of(self, path: str, node: Node) -> Path | None:
        """Return a host file, link or device like a node; None for a directory."""
        if node.kind is FileKind.DIRECTORY:
            return None
        if id(node) not in self._made:
            self._made[id(node)] = self._make(path, node)
        return self._made[id(node)]

    def named(self, path: str, node: Node, name: str) -> Path:
        """Return a host file like a regular node whose own name is ``name``."""
        found = self.path_of(path, node)
        assert found is not None
        if os.fsencode(found.name) == os.fsencode(name):
            return found
        self._named += 1
        folder = self._folder / f"named{self._named}"
        folder.mkdir()
        if found.is_relative_to(self._folder):
            os.link(found, folder / name)
        else:
            (folder / name).symlink_to(found)
        return folder / name

    def _make(self, path: str, node: Node) -> Path:
        if node.kind is FileKind.FILE and node.offset == 0 and node.parts is None:
            assert node.host_path is not None
            self.outside.append(node.host_path)
            return node.host_path
        place = self._folder / str(len(self._made))
        try:
            match node.kind:
                case FileKind.LINK:
                    place.symlink_to(node.target)
                case FileKind.FILE:
                    _extract(node, place)
                    os.utime(place, ns=(node.mtime, node.mtime))
                case FileKind.FIFO:
                    os.mkfifo(place)
                case _:
                    kind = 0o020000 if node.kind is FileKind.CHARACTER else 0o060000
                    os.mknod(place, kind | 0o600, os.makedev(*node.device))
        except PermissionError:
            raise CannotHold(f"only root can make a device for an ISO: {path}", hint="leave it out") from None
        return place


def _extract(node: Node, place: Path) -> None:
    with open_upload(upload_of("", node)) as content, place.open("xb") as target:
        while True:
            if hole := content.skip_hole():
                target.seek(hole, os.SEEK_CUR)
            if not (piece := content.read(CHUNK)):
                break
            target.write(piece)
        target.truncate(node.size)
