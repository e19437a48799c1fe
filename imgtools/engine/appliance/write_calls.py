"""libguestfs' C functions that change files, with bytes as names (see ``calls.py`` for why not the binding's).

None of them but ``rm_rf`` starts a program in the appliance, so each takes a millisecond or two.
"""

from __future__ import annotations

import stat
from ctypes import c_char_p, c_int, c_int64, c_size_t, c_void_p
from typing import TYPE_CHECKING

from imgtools.engine.appliance.calls import Calls
from imgtools.records.files import FileKind

if TYPE_CHECKING:
    import guestfs

# name: arguments after the handle. All return an int, -1 for an error (guestfs_pwrite: the bytes written).
_SIGNATURES: dict[str, tuple[object, ...]] = {
    "guestfs_write": (c_char_p, c_char_p, c_size_t),
    "guestfs_pwrite": (c_char_p, c_char_p, c_size_t, c_int64),
    "guestfs_truncate": (c_char_p,),
    "guestfs_rm": (c_char_p,),
    "guestfs_rmdir": (c_char_p,),
    "guestfs_rm_rf": (c_char_p,),
    "guestfs_mkdir_mode": (c_char_p, c_int),
    "guestfs_ln": (c_char_p, c_char_p),
    "guestfs_ln_s": (c_char_p, c_char_p),
    "guestfs_mknod": (c_int, c_int, c_int, c_char_p),
    "guestfs_rename": (c_char_p, c_char_p),
    "guestfs_chmod": (c_int, c_char_p),
    "guestfs_lchown": (c_int, c_int, c_char_p),
    "guestfs_utimens": (c_char_p, c_int64, c_int64, c_int64, c_int64),
    "guestfs_lremovexattr": (c_char_p, c_char_p),
    "guestfs_sync": (),
}
_MODE_OF = {
    FileKind.CHARACTER: stat.S_IFCHR,
    FileKind.BLOCK: stat.S_IFBLK,
    FileKind.FIFO: stat.S_IFIFO,
    FileKind.SOCKET: stat.S_IFSOCK,
}


class WriteCalls(Calls):
    """The raw calls that change something. Every one raises CallFailed."""

    def __init__(self, handle: guestfs.GuestFS) -> None:
        super().__init__(handle)
        for name, arguments in _SIGNATURES.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = c_int, (c_void_p, *arguments)

    def _do(self, name: str, *arguments: object) -> int:
        done = int(getattr(self._library, f"guestfs_{name}")(self._handle, *arguments))
        if done < 0:
            raise self._error()
        return done

    def write(self, path: bytes, content: bytes) -> None:
        """Create a file, or replace the content of one; at most 2 MB at a time."""
        self._do("write", path, content, len(content))

    def append(self, path: bytes, content: bytes, offset: int) -> None:
        """Write at an offset of an existing file."""
        while content:
            done = self._do("pwrite", path, content, len(content), offset)
            content, offset = content[done:], offset + done

    def truncate(self, path: bytes) -> None:
        """Empty a file."""
        self._do("truncate", path)

    def remove(self, path: bytes) -> None:
        """Remove a name that is no directory."""
        self._do("rm", path)

    def remove_directory(self, path: bytes) -> None:
        """Remove an empty directory."""
        self._do("rmdir", path)

    def remove_tree(self, path: bytes) -> None:
        """Remove a directory and all below it."""
        self._do("rm_rf", path)

    def make_directory(self, path: bytes, mode: int) -> None:
        """Make a directory; the appliance's umask does not count."""
        self._do("mkdir_mode", path, mode)
        self._do("chmod", mode, path)

    def make_hard_link(self, path: bytes, target: bytes) -> None:
        """Give a file a second name."""
        self._do("ln", target, path)

    def make_link(self, path: bytes, target: bytes) -> None:
        """Make a symbolic link."""
        self._do("ln_s", target, path)

    def make_special(self, path: bytes, kind: FileKind, device: tuple[int, int], mode: int) -> None:
        """Make a device node, fifo or socket."""
        self._do("mknod", _MODE_OF[kind] | mode, *device, path)
        self._do("chmod", mode, path)

    def rename(self, path: bytes, to: bytes) -> None:
        """Rename within one filesystem."""
        self._do("rename", path, to)

    def set_mode(self, path: bytes, mode: int) -> None:
        """Set the permission bits."""
        self._do("chmod", mode, path)

    def set_owner(self, path: bytes, uid: int, gid: int) -> None:
        """Set both owners, a link not followed."""
        self._do("lchown", uid, gid, path)

    def set_times(self, path: bytes, atime: int, mtime: int) -> None:
        """Set both times, in nanoseconds."""
        self._do("utimens", path, *divmod(atime, 10**9), *divmod(mtime, 10**9))

    def remove_xattr(self, path: bytes, name: bytes) -> None:
        """Remove an extended attribute, a link not followed."""
        self._do("lremovexattr", name, path)

    def sync(self) -> None:
        """Write everything to the drives."""
        self._do("sync")
