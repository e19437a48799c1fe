"""Writes of libext2fs, collected before they go to the disk.

The library writes block by block, and each write to an export of QEMU is a way through the kernel and two programs:
0.15 ms, most of what a small file costs. Here they are kept, and neighbours are written together. Reads see what is
kept. Nothing is on the disk before it is flushed, which closing does. The library's own cache of 8 blocks is switched
off: large writes leave old blocks in it.

Source: lib/ext2fs/ext2_io.h and unix_io.c of e2fsprogs 1.47; io managers are tables of functions, made to be stacked.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Callable, Iterator
from ctypes import c_char_p, c_int, c_long, c_ulong, c_ulonglong, c_void_p

MOST = 4 << 20  # bytes that are kept
TOGETHER = 256  # blocks of one write

_CALL = ctypes.CFUNCTYPE(c_long, c_void_p)
_SIZE = ctypes.CFUNCTYPE(c_long, c_void_p, c_int)
_OLD = ctypes.CFUNCTYPE(c_long, c_void_p, c_ulong, c_int, c_void_p)
_BLOCK = ctypes.CFUNCTYPE(c_long, c_void_p, c_ulonglong, c_int, c_void_p)
_RANGE = ctypes.CFUNCTYPE(c_long, c_void_p, c_ulonglong, c_ulonglong)
_OPTION = ctypes.CFUNCTYPE(c_long, c_void_p, c_char_p, c_char_p)


class _Manager(ctypes.Structure):
    """struct struct_io_manager"""

    _fields_ = (
        ("magic", c_long),
        ("name", c_char_p),
        ("open", c_void_p),
        ("close", _CALL),
        ("set_blksize", _SIZE),
        ("read_blk", _OLD),
        ("write_blk", _OLD),
        ("flush", _CALL),
        ("write_byte", _OLD),
        ("set_option", _OPTION),
        ("get_stats", c_void_p),
        ("read_blk64", _BLOCK),
        ("write_blk64", _BLOCK),
        ("discard", _RANGE),
        ("cache_readahead", c_void_p),
        ("zeroout", _RANGE),
        ("reserved", c_long * 14),
    )


class WriteBuffer:
    """Stands between a filesystem and its disk until the filesystem is closed.

    :param fs: an open ``ext2_filsys``; its second field is the channel, whose second is the manager, and whose
        fourth the size of a block.
    """

    def __init__(self, fs: c_void_p) -> None:
        assert fs.value
        self._channel = c_void_p.from_address(fs.value + 8).value or 0
        place = c_void_p.from_address(self._channel + 8)
        self._below = _Manager.from_address(place.value or 0)
        self._blocks: dict[int, bytes] = {}  # as they are, or shall be
        self._changed: set[int] = set()
        self._size = c_int.from_address(self._channel + 24).value
        # The table has to stay where it is as long as the filesystem is open; so has all that it points to.
        self._table = _Manager.from_buffer_copy(self._below)
        self._replace("close", self._close)
        self._replace("set_blksize", self._set_size)
        self._replace("flush", self._flush)
        self._replace("read_blk", self._read)
        self._replace("write_blk", self._write)
        self._replace("read_blk64", self._read)
        self._replace("write_blk64", self._write)
        for name in ("write_byte", "discard", "zeroout"):
            if getattr(self._below, name):
                self._replace(name, self._after_flush(name))
        self._is_between = self._below.set_option(self._channel, b"cache", b"off") == 0
        if self._is_between:
            place.value = ctypes.addressof(self._table)

    def put(self, first: int, content: bytes) -> int:
        """Write whole blocks as the library does; returns an error code, or 0."""
        for number in range(len(content) // self._size):
            self._blocks[first + number] = content[number * self._size : (number + 1) * self._size]
            self._changed.add(first + number)
        return self._write_out() if len(self._blocks) * self._size >= MOST or not self._is_between else 0

    def drop(self) -> None:
        """Forget what is kept: nobody wants it."""
        self._changed.clear()

    def _replace(self, name: str, call: Callable[..., int]) -> None:
        def guarded(*arguments: int) -> int:
            try:
                return call(*arguments)
            except (OSError, ValueError, MemoryError):  # the library must not be left in the middle of a call
                return errno.EIO

        setattr(self._table, name, type(getattr(self._table, name))(guarded))

    # -- the calls of a manager ----------------------------------------------------------------------------

    def _write(self, channel: int, block: int, count: int, data: int) -> int:
        if count < 0:  # bytes, not blocks
            return self._write_out() or int(self._below.write_blk64(channel, block, count, data))
        for number in range(count):
            self._blocks[block + number] = ctypes.string_at(data + number * self._size, self._size)
            self._changed.add(block + number)
        return self._write_out() if len(self._blocks) * self._size >= MOST else 0

    def _read(self, channel: int, block: int, count: int, data: int) -> int:
        if count != 1:
            return self._write_out() or int(self._below.read_blk64(channel, block, count, data))
        kept = self._blocks.get(block)
        if kept is not None:
            ctypes.memmove(data, kept, self._size)
            return 0
        code = int(self._below.read_blk64(channel, block, 1, data))
        if code == 0:
            self._blocks[block] = ctypes.string_at(data, self._size)
        return code

    def _set_size(self, channel: int, size: int) -> int:
        code = self._write_out() or int(self._below.set_blksize(channel, size))
        self._size = c_int.from_address(self._channel + 24).value
        return code

    def _flush(self, channel: int) -> int:
        return self._write_out() or int(self._below.flush(channel))

    def _close(self, channel: int) -> int:
        code = self._write_out()
        return int(self._below.close(channel)) or code

    def _after_flush(self, name: str) -> Callable[..., int]:
        def call(*arguments: int) -> int:
            return self._write_out() or int(getattr(self._below, name)(*arguments))

        return call

    # -- writing -------------------------------------------------------------------------------------------

    def _write_out(self) -> int:
        """Write what was changed, in the order of the disk, and keep nothing; returns an error code, or 0."""
        for first, content in self._runs():
            count = len(content) // self._size
            code = int(self._below.write_blk64(self._channel, first, count, content))
            if code:
                return code
        self._changed.clear()
        self._blocks.clear()
        return 0

    def _runs(self) -> Iterator[tuple[int, bytes]]:
        """Neighbouring blocks that were changed, with the first's number."""
        run: list[bytes] = []
        first = 0
        for number in sorted(self._changed):
            if run and (number != first + len(run) or len(run) >= TOGETHER):
                yield first, b"".join(run)
                run = []
            first = first if run else number
            run.append(self._blocks[number])
        if run:
            yield first, b"".join(run)
