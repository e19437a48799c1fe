"""One filesystem that the appliance has mounted for writing; implements FilesystemWriter."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import BinaryIO

from imgtools.engine.appliance.calls import CallFailed
from imgtools.engine.appliance.files import SYSROOT, ApplianceFilesystem, encode
from imgtools.engine.appliance.launch import Appliance
from imgtools.engine.appliance.write_calls import WriteCalls
from imgtools.errors import ApplianceFailed, EditFailed
from imgtools.filesystems.ntfs.inherited import ACL_NAME, inherited
from imgtools.records.files import FileKind, FileStat

PIECE = 1 << 20  # bytes in one request; the protocol allows 4 MB
AT_ONCE = 500  # attributes that are set together
CAPABILITY = "security.capability"  # the kernel removes it from a file that is written (cap_inode_killpriv)
WITHOUT_UNIX = frozenset({"ntfs", "vfat", "exfat", "msdos"})
_REASONS = {
    errno.ENOSPC: "the guest's filesystem has no room left",
    errno.EDQUOT: "a quota of the guest's filesystem is used up",
    errno.EPERM: "it is protected (immutable or append-only, chattr), or the filesystem does not know how",
    errno.EROFS: "the filesystem has become read-only: it is damaged",
    errno.EOPNOTSUPP: "the filesystem does not know how",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EINVAL: "the filesystem does not take the name or the value",
    errno.EFBIG: "the filesystem cannot hold a file so large",
    errno.EIO: "the filesystem is damaged, or the host's disk is full",
}

# A call for one file takes 1 ms; rm -rf is a program that is started, and takes 30 ms.
FEW = 8


class ApplianceWriter(ApplianceFilesystem):
    """One filesystem, mounted for writing.

    :param top: where it is mounted, in the words of libguestfs' calls: ``/w0``.
    """

    def __init__(self, appliance: Appliance, calls: WriteCalls, top: str, content: str) -> None:
        super().__init__(appliance, top, content)
        self._write_calls = calls
        self._has_unix = content not in WITHOUT_UNIX
        self._content = content
        self._pending: list[tuple[bytes, str, bytes]] = []  # path in the appliance, attribute, value

    def _do(self, path: str, work: Callable[[bytes], None]) -> None:
        """Make one call on a path; what was known of it is forgotten.

        :raises EditFailed: it cannot be done.
        """
        raw = self._path(path)
        try:
            self._appliance.call(lambda: work(raw))
        except CallFailed as error:
            reason = _REASONS.get(error.errno, error.message)
            raise EditFailed(f"cannot write {path}: {reason}") from None
        finally:
            self._forget(path)

    def _forget(self, path: str) -> None:
        parent = path.rpartition("/")[0] or "/"
        self._links.pop(path, None)
        self._stats.pop(path, None)
        self._stats.pop(parent, None)
        self._scanned.pop(path, None)
        self._scanned.pop(parent, None)

    def forget_all(self) -> None:
        """Nothing is known of any file: a program has run."""
        self._stats.clear()
        self._scanned.clear()
        self._links.clear()

    def _forget_below(self, path: str) -> None:
        """Nothing is known of what was in a directory."""
        for known in (self._stats, self._scanned, self._links):
            for below in [one for one in known if one.startswith(f"{path}/")]:
                del known[below]

    def flush(self) -> None:
        """Set the attributes that wait.

        libguestfs' own call cuts values at a NUL and fills them up with what lies behind (1.48.6), and labels and
        capabilities have NULs; a program for each would take 30 ms, so they are set together.

        :raises EditFailed: one cannot be set.
        """
        pending, self._pending = self._pending, []
        if not pending:
            return
        dump = b"".join(_dump(path, name, value) for path, name, value in pending)
        script = b"setfattr -h --restore=- 2>&1 <<'END' || echo FAILED\n" + dump + b"END\n"
        said = self._appliance.shell(script).decode("utf-8", "replace").strip()
        if said:
            line = said.splitlines()[0].removeprefix("setfattr: ").replace(SYSROOT.decode(), "")
            raise EditFailed(f"cannot set extended attributes: {line}")

    def _require_unix(self, path: str, what: str) -> None:
        if not self._has_unix:
            raise EditFailed(
                f"cannot {what} {path}: {self._content} has no owners, modes and links as Unix has"
            )

    # -- contents ------------------------------------------------------------------------------------------

    def write(self, path: str, content: BinaryIO) -> None:
        if any(waiting == SYSROOT + self._path(path) for waiting, _, _ in self._pending):
            self.flush()
        before = self.lookup(path)
        capability = self._capability(path) if before is not None and self._has_unix else None
        first = content.read(PIECE)
        self._do(path, lambda raw: self._write_calls.write(raw, first))
        offset = len(first)
        while chunk := content.read(PIECE):
            self._append(path, chunk, offset)
            offset += len(chunk)
        if before is None:
            self._own_new(path)
            self._protect(path)
        elif capability is not None:
            self.set_xattr(path, CAPABILITY, capability)
        if before is not None and before.mode & 0o6000:
            self.set_mode(path, before.mode)

    def _capability(self, path: str) -> bytes | None:
        """What the kernel takes from a program that is written."""
        return super().xattrs(path).get(CAPABILITY)

    def _append(self, path: str, chunk: bytes, offset: int) -> None:
        self._do(path, lambda raw: self._write_calls.append(raw, chunk, offset))

    def _own_new(self, path: str) -> None:
        """A directory with the set-group-ID bit gives its group to what is made in it; we promise root's."""
        found = self.lookup(path)
        if self._has_unix and found is not None and (found.uid, found.gid) != (0, 0):
            self.set_owner(path, 0, 0)

    def _protect(self, path: str, *, is_folder: bool = False) -> None:
        """Give what was made on NTFS the rights that its folder hands down; ntfs-3g gives it to everybody."""
        if self._content != "ntfs":
            return
        above = self._path(path.rpartition("/")[0] or "/")
        self.set_xattr(path, ACL_NAME, inherited(self._descriptor(above), is_folder=is_folder))

    def _descriptor(self, raw: bytes) -> bytes:
        waiting = (value for path, name, value in self._pending if (path, name) == (SYSROOT + raw, ACL_NAME))
        if (found := next(waiting, None)) is not None:
            return found
        try:
            return self._appliance.call(lambda: self._write_calls.xattr(raw, encode(ACL_NAME)))
        except CallFailed:  # an old volume, whose folder has none
            return b""

    def truncate(self, path: str) -> None:
        self._do(path, self._write_calls.truncate)

    # -- names ---------------------------------------------------------------------------------------------

    def remove(self, path: str) -> None:
        self.flush()
        found = self.lookup(path)
        if found is not None and found.kind is FileKind.DIRECTORY:
            self._do(path, self._write_calls.remove_directory)
        else:
            self._do(path, self._write_calls.remove)

    def remove_tree(self, path: str) -> None:
        self.flush()
        entries = self.scan(path)
        try:
            if len(entries) <= FEW and all(one.stat.kind is not FileKind.DIRECTORY for one in entries):
                for entry in entries:
                    self._do(f"{path}/{entry.name}", self._write_calls.remove)
                self._do(path, self._write_calls.remove_directory)
            else:
                self._do(path, self._write_calls.remove_tree)
        finally:
            self._forget_below(path)

    def make_directory(self, path: str, mode: int) -> None:
        self._do(path, lambda raw: self._write_calls.make_directory(raw, mode))
        self._own_new(path)
        self._protect(path, is_folder=True)

    def make_link(self, path: str, target: str) -> None:
        self._require_unix(path, "make the link")
        self._do(path, lambda raw: self._write_calls.make_link(raw, encode(target)))
        self._own_new(path)

    def make_hard_link(self, path: str, target: str) -> None:
        source = self._path(target)
        self._do(path, lambda raw: self._write_calls.make_hard_link(raw, source))
        self._forget(target)

    def make_special(self, path: str, kind: FileKind, device: tuple[int, int], mode: int) -> None:
        self._require_unix(path, "make")
        self._do(path, lambda raw: self._write_calls.make_special(raw, kind, device, mode))
        self._own_new(path)

    def rename(self, path: str, to: str) -> None:
        target = self._path(to)
        self.flush()
        try:
            self._do(path, lambda raw: self._write_calls.rename(raw, target))
        finally:
            self.forget_all()

    # -- facts ---------------------------------------------------------------------------------------------

    def set_mode(self, path: str, mode: int) -> None:
        self._require_unix(path, "set the mode of")
        self._do(path, lambda raw: self._write_calls.set_mode(raw, mode))

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        self._require_unix(path, "set the owner of")
        self._do(path, lambda raw: self._write_calls.set_owner(raw, uid, gid))

    def set_times(self, path: str, atime: int, mtime: int) -> None:
        self._do(path, lambda raw: self._write_calls.set_times(raw, atime, mtime))

    def set_xattr(self, path: str, name: str, value: bytes) -> None:
        self._pending.append((SYSROOT + self._path(path), name, value))
        if len(self._pending) >= AT_ONCE:
            self.flush()

    def remove_xattr(self, path: str, name: str) -> None:
        self.flush()
        self._do(path, lambda raw: self._write_calls.remove_xattr(raw, encode(name)))

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        self.flush()
        return super().xattrs(path)

    def lookup(self, path: str) -> FileStat | None:
        try:
            return super().lookup(path)
        except ApplianceFailed as error:
            raise EditFailed(f"cannot look at {path}: {error.message}") from None


def _dump(path: bytes, name: str, value: bytes) -> bytes:
    """One attribute as getfattr writes it and ``setfattr --restore`` reads it."""
    quoted = b"".join(
        bytes([one]) if 33 <= one < 127 and one not in b"\\=#" else b"\\%03o" % one for one in path
    )
    return b"# file: %s\n%s=0x%s\n\n" % (quoted, encode(name), value.hex().encode())
