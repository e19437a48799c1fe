"""libext2fs, the library of e2fsprogs, for writing to ext2, ext3 and ext4 without mounting them.

fuse2fs, which is built on the same library, would need the host's kernel between us and the guest's files: it
answers 1,000 small files in two seconds instead of a tenth, and neither an ordinary user nor a host with SELinux can
set ``security.*`` attributes through it. debugfs cannot replace a file's content, nor name every file. The calls are
those that fuse2fs.c makes, in its order. The ABI of libext2fs.so.2 is stable.

Sources: lib/ext2fs/ext2fs.h and misc/fuse2fs.c of e2fsprogs 1.47; fs/ext4/ext4.h for the inode.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_size_t, c_uint, c_uint64, c_void_p
from pathlib import Path
from typing import Any

from imgtools.errors import EditFailed, EngineFailed, NoRoom, ToolMissing
from imgtools.filesystems.api import CannotWrite
from imgtools.filesystems.ext.callbacks import Raised, guarded
from imgtools.filesystems.ext.collected_writes import WriteBuffer
from imgtools.filesystems.stream import PlacedFile
from imgtools.records.disks import Declined

LIBRARY, ERRORS = "libext2fs.so.2", "libcom_err.so.2"

OPEN_RW = 0x01 | 0x20000  # EXT2_FLAG_RW, EXT2_FLAG_64BITS
FILE_WRITE = 0x0001  # EXT2_FILE_WRITE
DIRENT_CHANGED, DIRENT_ABORT, XATTR_ABORT = 1, 2, 1

# ext2_err.h
_BASE = 2133571328
DIR_NO_SPACE = _BASE + 38
BLOCK_ALLOC_FAIL, INODE_ALLOC_FAIL, FILE_NOT_FOUND = _BASE + 72, _BASE + 73, _BASE + 76
BAD_BLOCK = _BASE + 42  # punch_extent_blocks of 1.47 says it of the last block, which is as good as any
FILE_TOO_BIG = _BASE + 82
EA_NO_SPACE = _BASE + 163

_FS, _INO, _CODE = c_void_p, c_uint, c_long
DIRENT_CALL = ctypes.CFUNCTYPE(c_int, c_uint, c_int, c_void_p, c_int, c_int, c_void_p, c_void_p)
XATTR_CALL = ctypes.CFUNCTYPE(c_int, c_char_p, c_void_p, c_size_t, c_void_p)

# name: arguments; all return errcode_t
_SIGNATURES: dict[str, tuple[object, ...]] = {
    "ext2fs_open2": (c_char_p, c_char_p, c_int, c_int, c_uint, c_void_p, POINTER(_FS)),
    "ext2fs_read_bitmaps": (_FS,),
    "ext2fs_flush": (_FS,),
    "ext2fs_close": (_FS,),
    "ext2fs_lookup": (_FS, _INO, c_char_p, c_int, c_void_p, POINTER(_INO)),
    "ext2fs_dir_iterate2": (_FS, _INO, c_int, c_void_p, DIRENT_CALL, c_void_p),
    "ext2fs_expand_dir": (_FS, _INO),
    "ext2fs_link": (_FS, _INO, c_char_p, _INO, c_int),
    "ext2fs_unlink": (_FS, _INO, c_char_p, _INO, c_int),
    "ext2fs_mkdir": (_FS, _INO, _INO, c_char_p),
    "ext2fs_symlink": (_FS, _INO, _INO, c_char_p, c_char_p),
    "ext2fs_new_inode": (_FS, _INO, c_int, c_void_p, POINTER(_INO)),
    "ext2fs_read_inode_full": (_FS, _INO, c_void_p, c_int),
    "ext2fs_write_inode_full": (_FS, _INO, c_void_p, c_int),
    "ext2fs_new_block2": (_FS, c_uint64, c_void_p, POINTER(c_uint64)),
    "ext2fs_punch": (_FS, _INO, c_void_p, c_void_p, c_uint64, c_uint64),
    "ext2fs_free_ext_attr": (_FS, _INO, c_void_p),
    "ext2fs_file_open2": (_FS, _INO, c_void_p, c_int, POINTER(c_void_p)),
    "ext2fs_file_read": (c_void_p, c_void_p, c_uint, POINTER(c_uint)),
    "ext2fs_file_write": (c_void_p, c_char_p, c_uint, POINTER(c_uint)),
    "ext2fs_file_llseek": (c_void_p, c_uint64, c_int, POINTER(c_uint64)),
    "ext2fs_file_set_size2": (c_void_p, c_uint64),
    "ext2fs_file_close": (c_void_p,),
    "ext2fs_xattrs_open": (_FS, _INO, POINTER(c_void_p)),
    "ext2fs_xattrs_read": (c_void_p,),
    "ext2fs_xattrs_iterate": (c_void_p, XATTR_CALL, c_void_p),
    "ext2fs_xattr_set": (c_void_p, c_char_p, c_char_p, c_size_t),
    "ext2fs_xattr_remove": (c_void_p, c_char_p),
    "ext2fs_xattrs_close": (POINTER(c_void_p),),
}


@functools.cache
def _library() -> ctypes.CDLL:
    """Load the library and declare the calls.

    :raises ToolMissing: it is not installed.
    """
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise ToolMissing(f"{LIBRARY} cannot be loaded: {error}", hint="apt-get install e2fsprogs") from None
    for name, arguments in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = _CODE, arguments
    library.ext2fs_free.restype, library.ext2fs_free.argtypes = None, (_FS,)
    library.ext2fs_inode_alloc_stats2.restype = None
    library.ext2fs_inode_alloc_stats2.argtypes = (_FS, _INO, c_int, c_int)
    library.ext2fs_block_alloc_stats2.restype = None
    library.ext2fs_block_alloc_stats2.argtypes = (_FS, c_uint64, c_int)
    library.initialize_ext2_error_table()
    return library


def describe(code: int) -> str:
    """Return what the library says of one of its error codes."""
    if code < 256:
        return os.strerror(code)
    try:
        words = ctypes.CDLL(ERRORS).error_message
    except OSError:
        return f"error {code}"
    words.restype, words.argtypes = c_char_p, (_CODE,)
    return str((words(code) or b"").decode("utf-8", "replace"))


class Ext2Error(EngineFailed):
    """A call of the library failed; ``code`` is one of ext2_err.h, or an errno."""

    def __init__(self, call: str, code: int) -> None:
        super().__init__(f"{call}: {describe(code)}")
        self.code = code


def named(error: Ext2Error, path: str) -> EditFailed | NoRoom | EngineFailed:
    """Return the error that a user meets when ``path`` was being written."""
    if error.code in (BLOCK_ALLOC_FAIL, INODE_ALLOC_FAIL):
        what = "no room" if error.code == BLOCK_ALLOC_FAIL else "no inode"
        return EditFailed(f"the guest's filesystem has {what} left for {path}", hint="see: imgtools df")
    if error.code == EA_NO_SPACE:
        return EditFailed(f"no room left for an extended attribute of {path}")
    if error.code in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return NoRoom("no room left on the host for the edit", hint="make room beside the image")
    if error.code == FILE_TOO_BIG:
        return EditFailed(f"{path} would become larger than its filesystem allows")
    return EditFailed(f"cannot write {path}: {error.message}")


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Turn errors while ``path`` is written into those that a user meets; CannotWrite: only the kernel can."""
    try:
        yield
    except Ext2Error as error:
        if error.code == BAD_BLOCK:
            raise CannotWrite(Declined(path, "the library does not free the last block of a disk")) from None
        raise named(error, path) from None


class Ext2Volume:
    """One filesystem, open for writing: the library's calls with Python's errors.

    :param host_path: the file or device that holds the filesystem and nothing else.
    """

    def __init__(self, host_path: Path, inode_size: int) -> None:
        self._call_table = _library()
        self.inode_size = inode_size
        self._fs: c_void_p | None = None
        opened = c_void_p()
        manager = c_void_p.in_dll(self._call_table, "unix_io_manager")
        self._check(
            "open",
            self._call_table.ext2fs_open2(
                os.fsencode(host_path), None, OPEN_RW, 0, 0, manager, byref(opened)
            ),
        )
        self._fs = opened
        self._buffer = WriteBuffer(opened)
        try:
            self.call("ext2fs_read_bitmaps")
        except Ext2Error:
            self.abandon()
            raise

    def call(self, name: str, *arguments: Any) -> None:  # Any: what ctypes takes
        """Make one call on this filesystem.

        :raises Ext2Error: it failed.
        """
        if self._fs is None:
            raise EngineFailed("the filesystem is closed")
        self._check(name, getattr(self._call_table, name)(self._fs, *arguments))

    def _check(self, name: str, code: int) -> None:
        if code:
            raise Ext2Error(name.removeprefix("ext2fs_"), code)

    def close(self) -> None:
        """Write everything and close.

        :raises Ext2Error: it could not be written.
        """
        if self._fs is not None:
            fs, self._fs = self._fs, None
            self._check("close", self._call_table.ext2fs_close(fs))

    def abandon(self) -> None:
        """Close without writing what is not written yet: for an overlay that is thrown away."""
        if self._fs is not None:
            fs, self._fs = self._fs, None
            self._buffer.drop()
            self._call_table.ext2fs_free(fs)

    def flush(self) -> None:
        """Write everything that is not written yet."""
        self.call("ext2fs_flush")

    # -- directories ---------------------------------------------------------------------------------------

    def lookup(self, directory: int, name: bytes) -> int | None:
        """Return the inode of a name in a directory; None if there is no such name."""
        found = _INO()
        code = self._call_table.ext2fs_lookup(self._fs, directory, name, len(name), None, byref(found))
        if code == FILE_NOT_FOUND:
            return None
        self._check("lookup", code)
        return found.value

    def names(self, directory: int) -> list[tuple[bytes, int]]:
        """Return names and inodes of a directory, without ``.`` and ``..``."""
        found: list[tuple[bytes, int]] = []

        def note(_dir: int, _entry: int, dirent: int, *_rest: object) -> int:
            name, inode = _read_dirent(dirent)
            if name not in (b".", b".."):
                found.append((name, inode))
            return 0

        self._each_entry(directory, note)
        return found

    def set_parent(self, directory: int, parent: int) -> None:
        """Let ``..`` of a directory lead to another one; the link counts are the caller's."""

        def change(_dir: int, _entry: int, dirent: int, *_rest: object) -> int:
            if _read_dirent(dirent)[0] != b"..":
                return 0
            ctypes.memmove(dirent, parent.to_bytes(4, sys.byteorder), 4)
            return DIRENT_CHANGED | DIRENT_ABORT

        self._each_entry(directory, change)

    def _each_entry(self, directory: int, look: Callable[..., int]) -> None:
        failed = Raised()
        call = DIRENT_CALL(guarded(look, DIRENT_ABORT, failed))  # named: C must not call what is freed
        self.call("ext2fs_dir_iterate2", directory, 0, None, call, None)
        if failed:
            raise failed[0]

    def growing(self, directory: int, add: Callable[[], None]) -> None:
        """Run ``add``, which puts a name into a directory, with a larger directory if it is full."""
        try:
            add()
        except Ext2Error as error:
            if error.code != DIR_NO_SPACE:
                raise
            self.call("ext2fs_expand_dir", directory)
            add()

    # -- inodes --------------------------------------------------------------------------------------------

    def read_inode(self, inode: int) -> bytearray:
        """Return the bytes of an inode, in the order of this machine."""
        buffer = ctypes.create_string_buffer(self.inode_size)
        self.call("ext2fs_read_inode_full", inode, buffer, self.inode_size)
        return bytearray(buffer.raw)

    def write_inode(self, inode: int, raw: bytes | bytearray) -> None:
        """Write the bytes of an inode; the library makes its checksum."""
        self.call(
            "ext2fs_write_inode_full", inode, ctypes.create_string_buffer(bytes(raw), len(raw)), len(raw)
        )

    def new_inode(self, directory: int, mode: int) -> int:
        """Take a free inode near a directory; what is in it is for the caller to write."""
        found = _INO()
        self.call("ext2fs_new_inode", directory, mode, None, byref(found))
        self._count(found.value, 1, is_directory=False)
        return found.value

    def free_inode(self, inode: int, raw: bytes, *, has_blocks: bool, is_directory: bool) -> bytes:
        """Give back an inode's blocks, attributes and number; returns it as it is to be written."""
        buffer = ctypes.create_string_buffer(bytes(raw), max(self.inode_size, 256))
        if has_blocks:
            self.call("ext2fs_punch", inode, buffer, None, 0, (1 << 64) - 1)
        self.call("ext2fs_free_ext_attr", inode, buffer)
        self._count(inode, -1, is_directory=is_directory)
        return buffer.raw

    def _count(self, inode: int, change: int, *, is_directory: bool) -> None:
        self._call_table.ext2fs_inode_alloc_stats2(self._fs, inode, change, int(is_directory))

    # -- contents ------------------------------------------------------------------------------------------

    @contextmanager
    def open_file(self, inode: int, *, write: bool = False) -> Iterator[Ext2File]:
        """Open the content of an inode."""
        handle = c_void_p()
        self.call("ext2fs_file_open2", inode, None, FILE_WRITE if write else 0, byref(handle))
        file = Ext2File(self._call_table, handle)
        with ExitStack() as stack:
            stack.callback(self._call_table.ext2fs_file_close, handle)
            yield file
            stack.pop_all()
        file.close()

    def write_blocks(self, first: int, content: bytes) -> None:
        """Write whole blocks that belong to a file."""
        self._check("write", self._buffer.put(first, content))

    # -- attributes ----------------------------------------------------------------------------------------

    @contextmanager
    def attributes(self, inode: int) -> Iterator[Attributes]:
        """Open the extended attributes of an inode; each change is written at once."""
        handle = c_void_p()
        self.call("ext2fs_xattrs_open", inode, byref(handle))
        try:
            self._check("xattrs_read", self._call_table.ext2fs_xattrs_read(handle))
            yield Attributes(self._call_table, handle)
        finally:
            self._call_table.ext2fs_xattrs_close(byref(handle))


def _read_dirent(address: int) -> tuple[bytes, int]:
    """Name and inode of a struct ext2_dir_entry: inode, rec_len, name_len (low byte; the other is the type), name."""
    head = ctypes.string_at(address, 8)
    return ctypes.string_at(address + 8, head[6]), int.from_bytes(head[:4], sys.byteorder)


class Ext2File:
    """The open content of a file."""

    def __init__(self, library: ctypes.CDLL, handle: c_void_p) -> None:
        self._library, self._handle = library, handle

    def _check(self, name: str, code: int) -> None:
        if code:
            raise Ext2Error(name, code)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes at ``offset``."""
        self._check("llseek", self._library.ext2fs_file_llseek(self._handle, offset, 0, None))
        buffer, got = ctypes.create_string_buffer(length), c_uint()
        self._check("read", self._library.ext2fs_file_read(self._handle, buffer, length, byref(got)))
        return buffer.raw[: got.value]

    def write(self, content: bytes) -> None:
        """Write at the position where the last write ended."""
        written = c_uint()
        code = self._library.ext2fs_file_write(self._handle, content, len(content), byref(written))
        self._check("write", code)
        if written.value != len(content):
            raise Ext2Error("write", BLOCK_ALLOC_FAIL)

    def put(self, pieces: Iterable[bytes | int]) -> None:
        """Write an empty file from its beginning: content, and the lengths of holes."""
        position, is_hole = 0, False
        for piece in pieces:
            is_hole = isinstance(piece, int)
            if isinstance(piece, int):
                position += piece
                self._check("llseek", self._library.ext2fs_file_llseek(self._handle, position, 0, None))
            else:
                self.write(piece)
                position += len(piece)
        if is_hole:
            self._check("set_size", self._library.ext2fs_file_set_size2(self._handle, position))

    def truncate(self) -> None:
        """Make it empty."""
        self._check("set_size", self._library.ext2fs_file_set_size2(self._handle, 0))

    def close(self) -> None:
        """Write what is left in its buffer."""
        self._check("close", self._library.ext2fs_file_close(self._handle))


class Ext2Content(PlacedFile):
    """The content of one file, as a stream; it may be open while others are written."""

    def __init__(self, volume: Ext2Volume, inode: int, size: int) -> None:
        super().__init__(size)
        self._volume, self._number = volume, inode

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes at ``offset``."""
        with self._volume.open_file(self._number) as file:
            return file.read(offset, length)


class Attributes:
    """The extended attributes of one inode, with the names and values that getxattr(2) has."""

    def __init__(self, library: ctypes.CDLL, handle: c_void_p) -> None:
        self._library, self._handle = library, handle

    def all(self) -> dict[str, bytes]:
        """Return all of them."""
        found: dict[str, bytes] = {}

        def note(name: bytes, value: int, length: int, _data: object) -> int:
            found[name.decode("utf-8", "surrogateescape")] = (
                ctypes.string_at(value, length) if length else b""
            )
            return 0

        call = XATTR_CALL(note)
        code = self._library.ext2fs_xattrs_iterate(self._handle, call, None)
        if code:
            raise Ext2Error("xattrs_iterate", code)
        return found

    def set(self, name: str, value: bytes) -> None:
        """Set one."""
        raw = name.encode("utf-8", "surrogateescape")
        code = self._library.ext2fs_xattr_set(self._handle, raw, value, len(value))
        if code:
            raise Ext2Error("xattr_set", code)

    def remove(self, name: str) -> None:
        """Remove one."""
        code = self._library.ext2fs_xattr_remove(self._handle, name.encode("utf-8", "surrogateescape"))
        if code:
            raise Ext2Error("xattr_remove", code)
