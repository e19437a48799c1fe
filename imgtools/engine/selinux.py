"""Which SELinux label a file of a path should have, by a guest's own file_contexts, through libselinux.

Only the part of the library that reads files is called: nothing of the host's own SELinux is asked or changed.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import stat
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_uint, c_void_p
from pathlib import Path

from imgtools.records.files import FileKind

log = logging.getLogger(__name__)

LIBRARY = "libselinux.so.1"
CTX_FILE, OPT_PATH = 0, 3  # SELABEL_CTX_FILE, SELABEL_OPT_PATH of selinux/label.h
LONGEST = 4096  # bytes of a label
_MODES = {
    FileKind.FILE: stat.S_IFREG,
    FileKind.DIRECTORY: stat.S_IFDIR,
    FileKind.LINK: stat.S_IFLNK,
    FileKind.CHARACTER: stat.S_IFCHR,
    FileKind.BLOCK: stat.S_IFBLK,
    FileKind.FIFO: stat.S_IFIFO,
    FileKind.SOCKET: stat.S_IFSOCK,
}


class _Option(Structure):
    _fields_ = [("type", c_int), ("value", c_char_p)]


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The library, or None where it is not installed."""
    try:
        library = ctypes.CDLL(LIBRARY, use_errno=True)
    except OSError as error:
        log.debug("%s cannot be loaded: %s", LIBRARY, error)
        return None
    library.selabel_open.restype, library.selabel_open.argtypes = c_void_p, (c_uint, POINTER(_Option), c_uint)
    library.selabel_lookup_raw.restype = c_int
    library.selabel_lookup_raw.argtypes = (c_void_p, POINTER(c_char_p), c_char_p, c_int)
    library.selabel_close.restype, library.selabel_close.argtypes = None, (c_void_p,)
    library.freecon.restype, library.freecon.argtypes = None, (c_char_p,)
    return library


class FileContexts:
    """A loaded file_contexts; with it are loaded those beside it (``.local``, ``.homedirs``, ``.subs``)."""

    def __init__(self, library: ctypes.CDLL, handle: int) -> None:
        self._library, self._handle = library, handle

    def label(self, path: str, kind: FileKind) -> bytes | None:
        """Return the label of a path, as the attribute ``security.selinux`` holds it; None: it gets none."""
        found = c_char_p()
        raw = path.encode("utf-8", "surrogateescape")
        mode = _MODES.get(kind, 0)
        if self._library.selabel_lookup_raw(self._handle, byref(found), raw, mode) != 0:
            return None
        label = found.value or b""
        self._library.freecon(found)
        return label + b"\0" if 0 < len(label) <= LONGEST else None

    def __del__(self) -> None:
        self._library.selabel_close(self._handle)


def load_file_contexts(host_path: Path) -> FileContexts | None:
    """Load a file_contexts from the host; None if the library is not there or does not take it."""
    library = _library()
    if library is None:
        return None
    option = _Option(OPT_PATH, str(host_path).encode())
    handle = library.selabel_open(CTX_FILE, byref(option), 1)
    if not handle:
        log.debug("libselinux does not take these file_contexts (errno %d)", ctypes.get_errno())
        return None
    return FileContexts(library, handle)
