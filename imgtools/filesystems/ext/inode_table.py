"""The inodes of an ext filesystem that is open for writing: as they are, or shall be.

A new file gets content, owner, mode and times one after the other. Each of them is a change of its inode, and the way
through the library and its checksums costs more than the change. So changed inodes wait here, and are written before
the library is used for anything else: it may look at any of them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from imgtools.filesystems.ext.inode import Inode, parse_inode, write_times
from imgtools.filesystems.ext.libext2fs import Ext2Volume
from imgtools.volumes.volume_file import DiskFile

HALF = struct.Struct("<H")


class InodeTable:
    """Inodes by their numbers.

    :param disk: names the volume in errors.
    :param clock: tells what time it is, in nanoseconds since 1970.
    """

    def __init__(
        self, volume: Ext2Volume, disk: DiskFile, clock: Callable[[], int], *, large_dirs: bool
    ) -> None:
        self._volume, self._disk, self._clock, self._large_dirs = volume, disk, clock, large_dirs
        self._parsed: dict[int, Inode] = {}
        self._waiting: dict[int, bytearray] = {}

    @property
    def library(self) -> Ext2Volume:
        """The library, when all that waits has been written."""
        while self._waiting:
            number, raw = self._waiting.popitem()
            self._volume.write_inode(number, raw)
        return self._volume

    @property
    def blocks(self) -> Ext2Volume:
        """The library, for calls that look at no inode."""
        return self._volume

    def raw(self, number: int) -> bytearray:
        """Return the bytes of an inode, a copy; whoever changes them stores them."""
        waiting = self._waiting.get(number)
        return self._volume.read_inode(number) if waiting is None else bytearray(waiting)

    def store(self, number: int, raw: bytearray) -> None:
        """Let an inode have these bytes."""
        self._waiting[number] = raw
        self._parsed.pop(number, None)

    def get(self, number: int) -> Inode:
        """Return an inode, read."""
        found = self._parsed.get(number)
        if found is None:
            raw = bytes(self.raw(number))
            found = parse_inode(self._disk, number, raw, large_dirs=self._large_dirs)
            self._parsed[number] = found
        return found

    def flags(self, number: int) -> int:
        """Return the flags of an inode."""
        found = self._parsed.get(number)
        if found is not None:
            return found.flags
        return int.from_bytes(self.raw(number)[32:36], "little")  # i_flags

    # -- changes of one inode ------------------------------------------------------------------------------

    def set_times(self, number: int, **times: int) -> None:
        """Set times, as :func:`write_times` takes them."""
        raw = self.raw(number)
        write_times(raw, **times)
        self.store(number, raw)

    def set_mode(self, number: int, mode: int) -> None:
        """Set the mode; the kind of file stays."""
        raw = self.raw(number)
        (before,) = HALF.unpack_from(raw)
        HALF.pack_into(raw, 0, before & 0o170000 | mode & 0o7777)
        self._changed_now(number, raw)

    def set_owner(self, number: int, uid: int, gid: int) -> None:
        """Set user and group; each is kept in two halves."""
        raw = self.raw(number)
        for at, value in ((2, uid), (24, gid), (120, uid >> 16), (122, gid >> 16)):
            HALF.pack_into(raw, at, value & 0xFFFF)
        self._changed_now(number, raw)

    def count_links(self, number: int, change: int) -> None:
        """Count names more or less."""
        raw = self.raw(number)
        (links,) = HALF.unpack_from(raw, 26)
        if links > 1 or change > 0:  # 1: a directory that had too many to count (dir_nlink)
            HALF.pack_into(raw, 26, links + change)
        self._changed_now(number, raw)

    def _changed_now(self, number: int, raw: bytearray) -> None:
        write_times(raw, ctime=self._clock())
        self.store(number, raw)

    # -- what the library does ---------------------------------------------------------------------------------

    def forget(self, number: int) -> None:
        """The library has changed an inode."""
        self._parsed.pop(number, None)

    def drop(self) -> None:
        """Forget what waits: nobody wants it."""
        self._waiting.clear()
