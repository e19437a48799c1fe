"""Write to ext2, ext3 and ext4 without booting; implements FilesystemWriter over libext2fs."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from imgtools.errors import EditFailed, NoSuchGuestFile
from imgtools.filesystems.api import CannotWrite
from imgtools.filesystems.ext.inode import (
    FILE_TYPE,
    FLAG_EXTENTS,
    MODE_OF,
    Inode,
    has_blocks,
    new_inode,
    write_times,
)
from imgtools.filesystems.ext.inode_table import InodeTable
from imgtools.filesystems.ext.libext2fs import Attributes, Ext2Content, Ext2Error, Ext2Volume, named, naming
from imgtools.filesystems.ext.new_blocks import put_content
from imgtools.filesystems.ext.reader import (
    EXTENTS,
    LARGEDIR,
    ROOT,
    SUPERBLOCK,
    Superblock,
    mount_ext,
    parse_superblock,
)
from imgtools.filesystems.holes import pieces
from imgtools.records.disks import Declined
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.usage import Usage
from imgtools.volumes.local_file import LocalDisk
from imgtools.volumes.volume_file import DiskFile

CHUNK = 1 << 20
# Flags of an inode: a file with one of them is not written.
REFUSED_FLAGS = {0x10: "immutable (chattr +i)", 0x20: "append-only (chattr +a)"}
FOREIGN_FLAGS = {0x800: "encrypted", 0x100000: "sealed by fs-verity", 0x10000000: "inside its inode"}
MOST_LINKS = 65000  # EXT4_LINK_MAX
DEFAULT_ACL = "system.posix_acl_default"


class ExtWriter:
    """One filesystem, open for writing.

    :param host_path: the file that is the volume.
    :param clock: tells what time it is, in nanoseconds since 1970.
    :raises EngineFailed: the library does not open it.
    """

    ignores_case = False

    def __init__(
        self,
        host_path: Path,
        device: str,
        check: Callable[[Path, str], None],
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._check, self._clock = check, clock
        self._disk = DiskFile.whole(LocalDisk(host_path), device)
        found = parse_superblock(self._disk.read_at(SUPERBLOCK, 1024))
        if isinstance(found, str):
            raise EditFailed(f"{device}: {found}")
        self._super: Superblock = found
        self._host_path, self._device = host_path, device
        volume = Ext2Volume(host_path, found.inode_size)
        self._table = InodeTable(volume, self._disk, clock, large_dirs=bool(found.incompatible & LARGEDIR))
        self._paths: dict[str, int | None] = {"/": ROOT}  # what was looked up before; None: not there
        self._changed: dict[int, int] = {}  # directories, and when a name in them changed last
        self._near = 0  # the block after the last that a small file got
        self._plain: set[int] = set()  # directories known to have no default ACL
        # Directories made here: every name that they ever had. What is not among them is not there.
        self._names: dict[int, set[bytes]] = {}
        self._free: set[int] = set()  # inodes whose flags were looked at, and let us write
        self._without_acl: set[int] = set()  # what was made here, so that its mode is all there is

    def finish(self) -> None:
        """Write everything, close, and have it checked.

        :raises RolledBack: the checker finds it not clean.
        """
        with naming("the filesystem"):
            for directory, moment in self._changed.items():
                self._table.set_times(directory, mtime=moment, ctime=moment)
            self._volume.close()
        self._check(self._host_path, self._device)

    def abandon(self) -> None:
        """Close without writing the rest."""
        self._table.drop()
        self._volume.abandon()

    @property
    def _volume(self) -> Ext2Volume:
        return self._table.library

    # -- finding -------------------------------------------------------------------------------------------

    def _find(self, path: str) -> int | None:
        """Return the inode of a resolved path."""
        if path not in self._paths:
            parent, _, name = path.rpartition("/")
            directory = self._find(parent or "/")
            raw = name.encode("utf-8", "surrogateescape")
            self._paths[path] = None if directory is None else self._look_up(directory, raw)
        return self._paths[path]

    def _look_up(self, directory: int, name: bytes) -> int | None:
        names = self._names.get(directory)
        if names is not None and name not in names:
            return None
        if self._inode(directory).stat.kind is not FileKind.DIRECTORY:
            return None
        return self._volume.lookup(directory, name)

    def _need(self, path: str) -> int:
        found = self._find(path)
        if found is None:
            raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
        return found

    def _inode(self, number: int) -> Inode:
        return self._table.get(number)

    # -- reading -------------------------------------------------------------------------------------------

    def lookup(self, path: str) -> FileStat | None:
        try:  # no "with": every step to a file asks here
            found = self._find(path)
            return None if found is None else self._inode(found).stat
        except Ext2Error as error:
            raise named(error, path) from None

    def scan(self, path: str) -> Sequence[FileEntry]:
        with naming(path):
            names = sorted(self._volume.names(self._need(path)), key=lambda pair: pair[1])
            return [
                FileEntry(name.decode("utf-8", "surrogateescape"), self._inode(number).stat)
                for name, number in names
            ]

    def read_link(self, path: str) -> str:
        with naming(path):
            inode = self._inode(self._need(path))
            if inode.stat.size < len(inode.block) and not inode.flags & FLAG_EXTENTS:
                target = inode.block[: inode.stat.size]
            else:
                with self._volume.open_file(inode.number) as file:
                    target = file.read(0, inode.stat.size)
            return target.split(b"\0")[0].decode("utf-8", "surrogateescape")

    def open(self, path: str) -> BinaryIO:
        with naming(path):
            inode = self._inode(self._need(path))
        return cast(
            BinaryIO, io.BufferedReader(Ext2Content(self._volume, inode.number, inode.stat.size), CHUNK)
        )

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        with naming(path), self._volume.attributes(self._need(path)) as attributes:
            return attributes.all()

    def usage(self) -> Usage:
        self._volume.flush()
        mounted = mount_ext(DiskFile.whole(LocalDisk(self._host_path), self._device))
        if isinstance(mounted, Declined):
            raise EditFailed(f"{self._device}: {mounted.reason}")
        return mounted.usage()

    # -- contents ------------------------------------------------------------------------------------------

    def write(self, path: str, content: BinaryIO) -> None:
        with naming(path):
            number = self._find(path)
            is_new = number is None
            if number is None:
                number = self._make(path, FileKind.FILE, 0o644)
            parts = pieces(content, CHUNK)
            first, second = next(parts, b""), next(parts, b"")
            if is_new and not second and isinstance(first, bytes) and self._put_small(number, first):
                return
            self._require_free(number, path)
            with self._volume.open_file(number, write=True) as file:
                if not is_new:
                    file.truncate()
                file.put(one for one in chain((first, second), parts) if one)
            self._table.forget(number)
            self._touch(number)

    def _put_small(self, number: int, content: bytes) -> bool:
        """Give a new file its content in one stretch; False if there is none, and nothing was written."""
        raw = self._table.raw(number)
        end = put_content(self._table.blocks, self._super, number, raw, content, near=self._near)
        if end is not None:
            self._near = end
            self._table.store(number, raw)
        return end is not None

    def truncate(self, path: str) -> None:
        with naming(path):
            number = self._need(path)
            self._require_free(number, path)
            with self._volume.open_file(number, write=True) as file:
                file.truncate()
            self._table.forget(number)
            self._touch(number)

    def _require_free(self, number: int, path: str) -> None:
        """Refuse what the kernel refuses, and leave to it what the library does not know."""
        if number in self._free:
            return
        flags = self._table.flags(number)
        for bit, what in REFUSED_FLAGS.items():
            if flags & bit:
                raise EditFailed(f"{path} is {what}", hint="the guest's owner has protected it")
        for bit, what in FOREIGN_FLAGS.items():
            if flags & bit:
                raise CannotWrite(Declined(self._device, f"{path} is {what}"))
        self._free.add(number)

    # -- names ---------------------------------------------------------------------------------------------

    def _parent(self, path: str) -> tuple[int, bytes]:
        """Return the inode of the directory and the last component, and make sure that both can be used."""
        parent, _, name = path.rpartition("/")
        raw = name.encode("utf-8", "surrogateescape")
        if not 0 < len(raw) <= 255 or b"\0" in raw:
            raise EditFailed(f"not a name on this filesystem (1 to 255 bytes): {name[:40]}")
        directory = self._need(parent or "/")
        self._require_free(directory, parent or "/")
        return directory, raw

    def _add(self, directory: int, name: bytes, add: Callable[[], None]) -> None:
        if directory in self._names:
            self._names[directory].add(name)
        self._volume.growing(directory, add)
        self._table.forget(directory)
        self._changed[directory] = self._clock()

    def _link(self, directory: int, name: bytes, number: int, kind: FileKind) -> None:
        add = partial(self._volume.call, "ext2fs_link", directory, name, number, FILE_TYPE[kind])
        self._add(directory, name, add)

    def _make(self, path: str, kind: FileKind, mode: int, device: tuple[int, int] = (0, 0)) -> int:
        """Make a file that is no directory and no link, owned by root."""
        directory, name = self._parent(path)
        self._require_plain(directory, path)
        raw = new_inode(
            kind,
            mode,
            self._super.inode_size,
            self._clock(),
            device=device,
            extents=bool(self._super.incompatible & EXTENTS),
        )
        number = self._volume.new_inode(directory, MODE_OF[kind] | mode)
        self._link(directory, name, number, kind)
        self._table.store(number, raw)
        self._without_acl.add(number)
        self._paths[path] = number
        return number

    def make_special(self, path: str, kind: FileKind, device: tuple[int, int], mode: int) -> None:
        with naming(path):
            self._make(path, kind, mode, device)

    def make_directory(self, path: str, mode: int) -> None:
        with naming(path):
            directory, name = self._parent(path)
            self._require_plain(directory, path)
            self._require_room_for_link(directory, path)
            self._add(directory, name, partial(self._volume.call, "ext2fs_mkdir", directory, 0, name))
            self._paths.pop(path, None)
            number = self._need(path)
            self._table.set_mode(number, mode)
            self._touch(number, created=True)
            self._without_acl.add(number)
            self._names[number] = set()

    def make_link(self, path: str, target: str) -> None:
        with naming(path):
            directory, name = self._parent(path)
            raw = target.encode("utf-8", "surrogateescape")
            if not 0 < len(raw) < min(self._super.block_size, 4096):
                raise EditFailed(f"the target of {path} has {len(raw)} bytes: too long for a link, or none")
            self._add(directory, name, partial(self._volume.call, "ext2fs_symlink", directory, 0, name, raw))
            self._paths.pop(path, None)
            self._touch(self._need(path), created=True)

    def make_hard_link(self, path: str, target: str) -> None:
        with naming(path):
            number = self._need(target)
            self._require_free(number, target)
            self._require_room_for_link(number, target)
            directory, name = self._parent(path)
            self._link(directory, name, number, self._inode(number).stat.kind)
            self._paths[path] = number
            self._table.count_links(number, 1)

    def remove(self, path: str) -> None:
        with naming(path):
            number = self._need(path)
            self._require_free(number, path)
            directory, name = self._parent(path)
            is_directory = self._inode(number).stat.kind is FileKind.DIRECTORY
            if is_directory and self._volume.names(number):
                raise EditFailed(f"the directory is not empty: {path}")
            self._volume.call("ext2fs_unlink", directory, name, 0, 0)
            self._changed[directory] = self._clock()
            self._forget(path)
            if is_directory:
                self._table.count_links(directory, -1)
            self._release(number, is_directory=is_directory)

    def remove_tree(self, path: str) -> None:
        # The deepest first; a list, because a tree of a hostile guest may be deeper than Python's stack.
        todo, ordered = [path], []
        while todo:
            here = todo.pop()
            ordered.append(here)
            for entry in self.scan(here):
                below = f"{here.rstrip('/')}/{entry.name}"
                if entry.stat.kind is FileKind.DIRECTORY:
                    todo.append(below)
                else:
                    self.remove(below)
        for here in reversed(ordered):
            self.remove(here)

    def rename(self, path: str, to: str) -> None:
        with naming(path):
            number = self._need(path)
            self._require_free(number, path)
            source, name = self._parent(path)
            target, new_name = self._parent(to)
            kind = self._inode(number).stat.kind
            replaced = self._volume.lookup(target, new_name)
            if replaced == number:
                return
            if replaced is not None:
                self.remove(to)
            self._link(target, new_name, number, kind)
            self._volume.call("ext2fs_unlink", source, name, number, 0)
            self._changed[source] = self._clock()
            self._touch(number, content=False)
            if kind is FileKind.DIRECTORY and source != target:
                self._require_room_for_link(target, to)
                self._volume.set_parent(number, target)
                self._table.count_links(source, -1)
                self._table.count_links(target, 1)
            self._forget(path)
            self._forget(to)

    def _forget(self, path: str) -> None:
        """What is known of a path, and below it, is no longer true."""
        below = path.rstrip("/") + "/"
        for one in [one for one in self._paths if one == path or one.startswith(below)]:
            del self._paths[one]

    def _release(self, number: int, *, is_directory: bool) -> None:
        """One name less; the last one takes the file along."""
        raw, inode = self._table.raw(number), self._table.get(number)
        links = 0 if is_directory else max(0, inode.stat.links - 1)
        struct.pack_into("<H", raw, 26, links)
        if links:
            write_times(raw, ctime=self._clock())
            self._table.store(number, raw)
            return
        struct.pack_into("<I", raw, 20, self._clock() // 10**9 & 0xFFFFFFFF)  # i_dtime
        self._changed.pop(number, None)
        self._names.pop(number, None)
        for known in (self._plain, self._free, self._without_acl):
            known.discard(number)
        blocks = has_blocks(inode)
        freed = self._volume.free_inode(number, bytes(raw), has_blocks=blocks, is_directory=is_directory)
        self._table.store(number, bytearray(freed[: self._super.inode_size]))

    def _require_room_for_link(self, number: int, path: str) -> None:
        inode = self._inode(number)
        is_counting = inode.stat.kind is not FileKind.DIRECTORY or inode.stat.links > 1
        if inode.stat.links >= MOST_LINKS - 1 or not is_counting:
            raise CannotWrite(Declined(self._device, f"{path} has as many links as can be counted"))

    def _require_plain(self, directory: int, path: str) -> None:
        """A directory's default ACL decides what its new files get; the kernel knows how."""
        if directory not in self._plain and self._has_attribute(directory, DEFAULT_ACL):
            raise CannotWrite(Declined(self._device, f"the directory of {path} has a default ACL"))
        self._plain.add(directory)

    def _has_attribute(self, number: int, name: str) -> bool:
        with self._volume.attributes(number) as attributes:
            return name in attributes.all()

    # -- facts ---------------------------------------------------------------------------------------------

    def set_mode(self, path: str, mode: int) -> None:
        with naming(path):
            number = self._need(path)
            self._require_free(number, path)
            self._require_no_acl(number, path)
            self._table.set_mode(number, mode)

    def _require_no_acl(self, number: int, path: str) -> None:
        if number not in self._without_acl and self._has_attribute(number, "system.posix_acl_access"):
            raise CannotWrite(Declined(self._device, f"{path} has an ACL, and its mode is part of it"))

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        with naming(path):
            number = self._need(path)
            self._require_free(number, path)
            self._table.set_owner(number, uid, gid)

    def set_times(self, path: str, atime: int, mtime: int) -> None:
        with naming(path):
            number = self._need(path)
            self._changed.pop(number, None)
            self._table.set_times(number, atime=atime, mtime=mtime, ctime=self._clock())

    def set_xattr(self, path: str, name: str, value: bytes) -> None:
        if name.startswith("system."):
            raise CannotWrite(Declined(self._device, f"{name} changes a file's mode too"))
        self._change_attributes(path, lambda attributes: attributes.set(name, value))

    def remove_xattr(self, path: str, name: str) -> None:
        self._change_attributes(path, lambda attributes: attributes.remove(name))

    def _change_attributes(self, path: str, change: Callable[[Attributes], None]) -> None:
        with naming(path):
            number = self._need(path)
            self._require_free(number, path)
            with self._volume.attributes(number) as attributes:
                change(attributes)
            self._table.forget(number)
            self._touch(number, content=False)

    def _touch(self, number: int, *, content: bool = True, created: bool = False) -> None:
        """The times of something that has changed now."""
        now = self._clock()
        times = {"ctime": now} | ({"mtime": now} if content else {})
        self._table.set_times(number, **times, **({"atime": now, "crtime": now} if created else {}))
