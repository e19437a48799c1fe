"""libguestfs' C functions for everything that carries bytes of the guest.

The Python binding turns every string into UTF-8 ``str``. A guest's file name need not be UTF-8, and then the
binding raises UnicodeDecodeError in the middle of a listing, and cannot be asked for that name at all;
``GuestFS.debug`` and the event callbacks even crash the process (python3-guestfs 1.48.6: SIGSEGV). So these few
calls go to the C library, on the handle that the binding has made: bytes in, bytes out. The ABI of
libguestfs.so.0 has been stable since 2009 (guestfs(3), "ABI GUARANTEE").
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Callable, Sequence
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_int,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import TYPE_CHECKING, Any

from imgtools.errors import ApplianceFailed, ToolMissing
from imgtools.records.files import FileKind, FileStat
from imgtools.records.usage import Usage

if TYPE_CHECKING:
    import guestfs

CAPSULE = b"guestfs_h"  # the name under which python/handle.c keeps the C handle
LIBRARY = "libguestfs.so.0"


class CallFailed(ApplianceFailed):
    """A call inside the appliance failed. ``errno`` is the daemon's, 0 where it gave none."""

    def __init__(self, message: str, errno: int = 0) -> None:
        super().__init__(message)
        self.errno = errno


# -- guestfs-structs.h ------------------------------------------------------------------------------------

_STAT_TIMES = ("atime_sec", "atime_nsec", "mtime_sec", "mtime_nsec", "ctime_sec", "ctime_nsec")
_STAT_FACTS = ("dev", "ino", "mode", "nlink", "uid", "gid", "rdev", "size", "blksize", "blocks")


class _Statns(Structure):
    _fields_ = [(name, c_int64) for name in (*_STAT_FACTS, *_STAT_TIMES, *(f"spare{n}" for n in range(1, 7)))]


class _StatnsList(Structure):
    _fields_ = [("len", c_uint32), ("val", POINTER(_Statns))]


class _Dirent(Structure):
    _fields_ = [("ino", c_int64), ("ftyp", c_char), ("name", c_char_p)]


class _DirentList(Structure):
    _fields_ = [("len", c_uint32), ("val", POINTER(_Dirent))]


class _Xattr(Structure):
    _fields_ = [("name", c_char_p), ("val_len", c_uint32), ("val", c_void_p)]


class _XattrList(Structure):
    _fields_ = [("len", c_uint32), ("val", POINTER(_Xattr))]


_VFS_FACTS = (
    "bsize",
    "frsize",
    "blocks",
    "bfree",
    "bavail",
    "files",
    "ffree",
    "favail",
    "fsid",
    "flag",
    "namemax",
)


class _Statvfs(Structure):
    _fields_ = [(name, c_int64) for name in _VFS_FACTS]


_STRINGS = POINTER(c_char_p)
# guestfs_event_callback: handle, opaque, event, event handle, flags, text, its length, array, its length
_CALLBACK = CFUNCTYPE(
    None, c_void_p, c_void_p, c_uint64, c_int, c_int, POINTER(c_char), c_size_t, c_void_p, c_size_t
)
# name: result, further arguments after the handle
_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "guestfs_debug": (c_void_p, (c_char_p, _STRINGS)),
    "guestfs_lstatns": (POINTER(_Statns), (c_char_p,)),
    "guestfs_lstatnslist": (POINTER(_StatnsList), (c_char_p, _STRINGS)),
    "guestfs_readdir": (POINTER(_DirentList), (c_char_p,)),
    "guestfs_readlink": (c_void_p, (c_char_p,)),
    "guestfs_pread": (c_void_p, (c_char_p, c_int, c_int64, POINTER(c_size_t))),
    "guestfs_lgetxattrs": (POINTER(_XattrList), (c_char_p,)),
    "guestfs_lgetxattr": (c_void_p, (c_char_p, c_char_p, POINTER(c_size_t))),
    "guestfs_statvfs": (POINTER(_Statvfs), (c_char_p,)),
    "guestfs_set_error_handler": (None, (c_void_p, c_void_p)),
    "guestfs_set_event_callback": (c_int, (_CALLBACK, c_uint64, c_int, c_void_p)),
    "guestfs_last_error": (c_char_p, ()),
    "guestfs_last_errno": (c_int, ()),
}
_FREE = (
    *("guestfs_free_statns", "guestfs_free_statns_list", "guestfs_free_dirent_list"),
    *("guestfs_free_xattr_list", "guestfs_free_statvfs"),
)


def _load() -> ctypes.CDLL:
    """Load the library that the binding has loaded already, and declare what we use of it."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise ToolMissing(
            f"{LIBRARY} cannot be loaded: {error}", hint="apt-get install libguestfs0"
        ) from None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)  # not library[name], which is a new object each time
        function.restype = result
        function.argtypes = (c_void_p, *arguments)
    for name in _FREE:
        getattr(library, name).restype = None
        getattr(library, name).argtypes = (c_void_p,)
    return library


def _c_handle(handle: guestfs.GuestFS) -> int:
    """The ``guestfs_h *`` inside the binding's object."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype = c_void_p
    pointer.argtypes = (ctypes.py_object, c_char_p)
    address = pointer(handle._o, CAPSULE)
    return int(address)


class Calls:
    """The raw calls on one handle, in the thread that it is used in.

    Not thread-safe: one call at a time, as for the handle itself.
    """

    def __init__(self, handle: guestfs.GuestFS) -> None:
        self._handle = _c_handle(handle)
        self._keep = handle  # the C handle lives as long as the binding's object
        self._library = _load()
        self._libc = ctypes.CDLL(None)
        self._libc.free.argtypes = (c_void_p,)
        self._libc.free.restype = None
        # Without this, libguestfs prints every error on stderr, also those that are answers.
        self._library.guestfs_set_error_handler(self._handle, None, None)

    # -- plumbing ------------------------------------------------------------------------------------------

    def _error(self) -> CallFailed:
        words: bytes = self._library.guestfs_last_error(self._handle) or b"unknown error"
        # After the first line, libguestfs advises to set LIBGUESTFS_DEBUG.
        line = words.decode("utf-8", "surrogateescape").strip().partition("\n")[0]
        return CallFailed(line, self._library.guestfs_last_errno(self._handle))

    def _taken(self, address: int | None) -> bytes:
        """The bytes of a C string that is ours to free."""
        if not address:
            raise self._error()
        try:
            return ctypes.string_at(address)
        finally:
            self._libc.free(address)

    def listen(self, note: Callable[[bytes], None], events: int) -> None:
        """Have ``note`` called with every piece of text that these events bring (guestfs(3), "EVENTS")."""

        def heard(*words: Any) -> None:  # Any: ctypes' values, in the order of _CALLBACK
            note(ctypes.string_at(words[5], words[6]))

        self._listener = _CALLBACK(heard)  # C does not keep it alive
        if self._library.guestfs_set_event_callback(self._handle, self._listener, events, 0, None) < 0:
            raise self._error()

    # -- the appliance itself ------------------------------------------------------------------------------

    def shell(self, script: bytes) -> bytes:
        """Run a script with the appliance's /bin/sh (dash) and return its output, at most 4 MB, without NULs.

        A fork in the appliance costs 25-40 ms without KVM, whatever the script does in it; so one script does
        many things.
        """
        arguments = (c_char_p * 2)(script, None)
        return self._taken(self._library.guestfs_debug(self._handle, b"sh", arguments))

    # -- files ---------------------------------------------------------------------------------------------

    def lstat(self, path: bytes) -> FileStat:
        """Return the facts of one file, a link not followed."""
        found = self._library.guestfs_lstatns(self._handle, path)
        if not found:
            raise self._error()
        try:
            return _file_stat(found.contents)
        finally:
            self._library.guestfs_free_statns(found)

    def lstat_many(self, folder: bytes, names: Sequence[bytes]) -> list[FileStat | None]:
        """Return the facts of several files in one folder; None for one that is not there."""
        array = (c_char_p * (len(names) + 1))(*names, None)
        found = self._library.guestfs_lstatnslist(self._handle, folder, array)
        if not found:
            raise self._error()
        try:
            stats = found.contents
            # The daemon marks a file that it cannot stat with the inode -1.
            return [None if (one := stats.val[i]).ino == -1 else _file_stat(one) for i in range(stats.len)]
        finally:
            self._library.guestfs_free_statns_list(found)

    def names(self, folder: bytes) -> list[bytes]:
        """Return the names in a folder, without ``.`` and ``..``."""
        found = self._library.guestfs_readdir(self._handle, folder)
        if not found:
            raise self._error()
        try:
            entries = found.contents
            names = [bytes(entries.val[i].name) for i in range(entries.len)]
        finally:
            self._library.guestfs_free_dirent_list(found)
        return [name for name in names if name not in (b".", b"..")]

    def read_link(self, path: bytes) -> bytes:
        """Return where a symbolic link points to."""
        return self._taken(self._library.guestfs_readlink(self._handle, path))

    def pread(self, path: bytes, length: int, offset: int) -> bytes:
        """Return up to ``length`` bytes (below 4 MB, the protocol's limit); empty only at the end."""
        size = c_size_t()
        address = self._library.guestfs_pread(self._handle, path, length, offset, ctypes.byref(size))
        return self._taken_bytes(address, size)

    def _taken_bytes(self, address: int | None, size: c_size_t) -> bytes:
        """Return what libguestfs has made room for, and let that go."""
        if not address:
            raise self._error()
        try:
            return ctypes.string_at(address, size.value)
        finally:
            self._libc.free(address)

    def xattrs(self, path: bytes) -> dict[bytes, bytes]:
        """Return the extended attributes of a file, a link not followed."""
        found = self._library.guestfs_lgetxattrs(self._handle, path)
        if not found:
            raise self._error()
        try:
            pairs = [found.contents.val[i] for i in range(found.contents.len)]
            return {bytes(pair.name): ctypes.string_at(pair.val, pair.val_len) for pair in pairs}
        finally:
            self._library.guestfs_free_xattr_list(found)

    def xattr(self, path: bytes, name: bytes) -> bytes:
        """Return one extended attribute, also one that is in no list."""
        size = c_size_t()
        address = self._library.guestfs_lgetxattr(self._handle, path, name, ctypes.byref(size))
        return self._taken_bytes(address, size)

    def statvfs(self, path: bytes) -> Usage:
        """Return how full the filesystem at ``path`` is."""
        found = self._library.guestfs_statvfs(self._handle, path)
        if not found:
            raise self._error()
        try:
            one = found.contents
            unit = one.frsize
            return Usage(one.blocks * unit, one.bfree * unit, one.bavail * unit, one.files, one.ffree)
        finally:
            self._library.guestfs_free_statvfs(found)


_KINDS = {
    stat.S_IFREG: FileKind.FILE,
    stat.S_IFDIR: FileKind.DIRECTORY,
    stat.S_IFLNK: FileKind.LINK,
    stat.S_IFCHR: FileKind.CHARACTER,
    stat.S_IFBLK: FileKind.BLOCK,
    stat.S_IFIFO: FileKind.FIFO,
    stat.S_IFSOCK: FileKind.SOCKET,
}


def _file_stat(found: _Statns) -> FileStat:
    kind = _KINDS.get(stat.S_IFMT(found.mode), FileKind.UNKNOWN)
    is_node = kind in (FileKind.CHARACTER, FileKind.BLOCK)
    return FileStat(
        kind=kind,
        size=found.size,
        mode=stat.S_IMODE(found.mode),
        uid=found.uid,
        gid=found.gid,
        links=found.nlink,
        inode=found.ino,
        device=(os.major(found.rdev), os.minor(found.rdev)) if is_node else (0, 0),
        atime=found.atime_sec * 10**9 + found.atime_nsec,
        mtime=found.mtime_sec * 10**9 + found.mtime_nsec,
        ctime=found.ctime_sec * 10**9 + found.ctime_nsec,
        tree=found.dev,
        room=found.blocks * 512,
    )
