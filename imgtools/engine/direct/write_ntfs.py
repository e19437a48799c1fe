"""Write to NTFS through ntfs-3g, mounted where nobody else can look; implements FilesystemWriter.

Paths arrive resolved: no component of them is a link, so the host's kernel never follows one that the guest made.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from imgtools.engine.confined.libc import LIBC, buffer
from imgtools.engine.confined.ntfs import mount_ntfs
from imgtools.engine.held_folder import HeldFolder
from imgtools.engine.kept_program import Kept
from imgtools.engine.process import Fence, Kind, Limits, ToolFailed, run
from imgtools.errors import BadImage, EditFailed, EngineFailed, EngineTimeout, NoRoom, RolledBack
from imgtools.filesystems.ntfs.inherited import ACL_NAME, LONGEST, inherited
from imgtools.records.disks import Declined
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.usage import Usage
from imgtools.volumes.volume_file import DiskFile

CHUNK = 1 << 20
MOUNT_SECONDS = 60.0  # 0.03 are usual
# windows_names: no name that Windows refuses. norecover: nothing that Windows has not shut down cleanly.
# no_def_opts: chmod and chown fail instead of doing nothing.
# nosuid, nodev, noexec: while it is mounted, nothing in it is more to the host than a file.
OPTIONS = "no_detach,no_def_opts,windows_names,norecover,noatime,nosuid,nodev,noexec"
UNIX_ONLY = "NTFS has no owners, modes, special files and links as Unix has them"
CHECK = Limits(seconds=3600)
ENDED = (errno.ENOTCONN, errno.ECONNABORTED)  # what a mount says whose server has crashed


def refuse_ntfs(disk: DiskFile) -> Declined | None:
    """Say why this writer leaves a volume to the appliance; None if it does not.

    :raises EditFailed: nobody may write to it: Windows has not let go of it.
    """
    answer = mount_ntfs(disk)
    if isinstance(answer, Declined):
        return answer
    if os.geteuid() != 0:
        return Declined(disk.name, "ntfs-3g mounts for root only")
    return None


def check_ntfs(host_path: Path, device: str) -> None:
    """Have the volume checked by ntfsfix, which only reads here; there is no more thorough checker outside Windows.

    :raises RolledBack: it finds something.
    """
    for argv in (["ntfsfix", "-n", str(host_path)], ["ntfs-3g.probe", "--readwrite", str(host_path)]):
        try:
            run(argv, Fence(Kind.CHECKER, writes=(host_path,)), limits=CHECK)
        except ToolFailed as error:
            raise RolledBack(f"{argv[0]} does not find {device} in order: {error.done.complaint}") from None


class NtfsWriter:
    """One volume, mounted for writing.

    :param host_path: the file that is the volume.
    :raises EngineFailed: ntfs-3g does not mount it.
    """

    ignores_case = True

    def __init__(self, host_path: Path, device: str) -> None:
        self._host_path, self._device = host_path, device
        folder = HeldFolder()
        self._place = os.fspath(folder.path / "m")
        Path(self._place).mkdir(mode=0o700)
        argv = ["ntfs-3g", "-o", OPTIONS, os.fspath(host_path), self._place]
        self._mounted = Kept(argv, Fence(Kind.MOUNTER, writes=(host_path,)), folder)
        self._root = self._mounted.shown / "m"
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + MOUNT_SECONDS
        while not self._is_mounted():
            if self._mounted.has_ended or time.monotonic() > deadline:
                words = self._mounted.complaint()
                self.abandon()
                raise EngineFailed(f"ntfs-3g does not mount {self._device}: {words}")
            time.sleep(0.002)

    def _is_mounted(self) -> bool:
        try:
            return self._root.is_mount()
        except OSError:  # it was mounted, and has ended
            return False

    def finish(self) -> None:
        """Write everything, unmount, and have it checked.

        :raises RolledBack: it is not in order.
        """
        with self._named("/"):
            descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._mounted.end()
        check_ntfs(self._host_path, self._device)

    def abandon(self) -> None:
        """Unmount without caring for what was written."""
        with suppress(EngineTimeout):
            self._mounted.end()

    # -- paths ---------------------------------------------------------------------------------------------

    def _host(self, path: str) -> Path:
        """The host path of a file of the guest."""
        return self._root / path.lstrip("/")

    @contextmanager
    def _named(self, path: str) -> Iterator[None]:
        """Turn the host's errors into those that a user meets."""
        try:
            yield
        except OSError as error:
            if error.errno in ENDED or (error.errno == errno.ENOENT and not self._is_mounted()):
                raise BadImage(
                    f"{self._device}: ntfs-3g has ended ({self._mounted.complaint()})",
                    hint="the volume is damaged or hostile; nothing of it was changed",
                ) from None
            if error.errno == errno.ENOSPC and not self._is_full():
                raise NoRoom(
                    "no room left on the host for the edit", hint="make room beside the image"
                ) from None
            if error.errno == errno.ENOSPC:
                raise EditFailed(
                    f"the guest's filesystem has no room left for {path}", hint="see: imgtools df"
                ) from None
            if error.errno == errno.EINVAL:
                raise EditFailed(f"not a name that Windows takes: {path}") from None
            if error.errno == errno.EOPNOTSUPP:
                raise EditFailed(f"cannot change {path}: {UNIX_ONLY}") from None
            raise EditFailed(f"cannot write {path}: {error.strerror}") from None

    def _is_full(self) -> bool:
        found = os.statvfs(self._root)
        return found.f_bavail * found.f_frsize < CHUNK

    # -- reading -------------------------------------------------------------------------------------------

    def lookup(self, path: str) -> FileStat | None:
        with self._named(path):
            try:
                return _facts(self._host(path).lstat())
            except (FileNotFoundError, NotADirectoryError):
                if not self._is_mounted():
                    raise
                return None

    def scan(self, path: str) -> Sequence[FileEntry]:
        with self._named(path), os.scandir(self._host(path)) as entries:
            return [FileEntry(entry.name, _facts(entry.stat(follow_symlinks=False))) for entry in entries]

    def read_link(self, path: str) -> str:
        with self._named(path):
            target = os.fspath(self._host(path).readlink())
            # ntfs-3g puts its own mount point before the absolute ones.
            return target.removeprefix(self._place) or "/"

    def open(self, path: str) -> BinaryIO:
        with self._named(path):
            descriptor = os.open(self._host(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            return os.fdopen(descriptor, "rb")

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        with self._named(path):
            host_path = self._host(path)
            names = [
                name for name in os.listxattr(host_path, follow_symlinks=False) if name.startswith("user.")
            ]
            return {name: os.getxattr(host_path, name, follow_symlinks=False) for name in names}

    def usage(self) -> Usage:
        found = os.statvfs(self._root)
        unit = found.f_frsize
        return Usage(
            found.f_blocks * unit, found.f_bfree * unit, found.f_bavail * unit, found.f_files, found.f_ffree
        )

    # -- writing -------------------------------------------------------------------------------------------

    def write(self, path: str, content: BinaryIO) -> None:
        with self._named(path):
            is_new = not os.path.lexists(self._host(path))
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(self._host(path), flags, 0o644), "wb") as file:
                if is_new:  # before anything is in it
                    self._protect(path)
                while chunk := content.read(CHUNK):
                    file.write(chunk)

    def _protect(self, path: str, *, is_folder: bool = False) -> None:
        """Give what was made the rights that its folder hands down."""
        # Not os.getxattr, which begins with too little room, at which ntfs-3g says that it cannot read.
        room = buffer(LONGEST)
        size = LIBC.lgetxattr(os.fsencode(self._host(path).parent), ACL_NAME.encode(), room, LONGEST)
        above = room.raw[: max(size, 0)]  # an old volume's folder has none
        os.setxattr(self._host(path), ACL_NAME, inherited(above, is_folder=is_folder))

    def truncate(self, path: str) -> None:
        with self._named(path):
            os.close(os.open(self._host(path), os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC))

    def remove(self, path: str) -> None:
        with self._named(path):
            if stat.S_ISDIR(self._host(path).lstat().st_mode):
                self._host(path).rmdir()
            else:
                self._host(path).unlink()

    def remove_tree(self, path: str) -> None:
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

    def make_directory(self, path: str, mode: int) -> None:
        with self._named(path):
            self._host(path).mkdir()
            self._protect(path, is_folder=True)

    def make_link(self, path: str, target: str) -> None:
        raise EditFailed(f"cannot make the link {path}: {UNIX_ONLY}")

    def make_hard_link(self, path: str, target: str) -> None:
        with self._named(path):
            os.link(self._host(target), self._host(path), follow_symlinks=False)

    def make_special(self, path: str, kind: FileKind, device: tuple[int, int], mode: int) -> None:
        raise EditFailed(f"cannot make {path}: {UNIX_ONLY}")

    def rename(self, path: str, to: str) -> None:
        with self._named(path):
            self._host(path).rename(self._host(to))

    def set_mode(self, path: str, mode: int) -> None:
        raise EditFailed(f"cannot set the mode of {path}: {UNIX_ONLY}")

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        raise EditFailed(f"cannot set the owner of {path}: {UNIX_ONLY}")

    def set_times(self, path: str, atime: int, mtime: int) -> None:
        with self._named(path):
            os.utime(self._host(path), ns=(atime, mtime), follow_symlinks=False)

    def set_xattr(self, path: str, name: str, value: bytes) -> None:
        with self._named(path):
            os.setxattr(self._host(path), name, value, follow_symlinks=False)

    def remove_xattr(self, path: str, name: str) -> None:
        with self._named(path):
            os.removexattr(self._host(path), name, follow_symlinks=False)


_KINDS = {
    stat.S_IFREG: FileKind.FILE,
    stat.S_IFDIR: FileKind.DIRECTORY,
    stat.S_IFLNK: FileKind.LINK,
    stat.S_IFCHR: FileKind.CHARACTER,
    stat.S_IFBLK: FileKind.BLOCK,
    stat.S_IFIFO: FileKind.FIFO,
    stat.S_IFSOCK: FileKind.SOCKET,
}


def _facts(found: os.stat_result) -> FileStat:
    """The facts of a file, owned by root as the reader has it, whoever has mounted."""
    facts = FileStat(
        kind=_KINDS.get(stat.S_IFMT(found.st_mode), FileKind.UNKNOWN),
        size=found.st_size,
        mode=stat.S_IMODE(found.st_mode),
        links=found.st_nlink,
        inode=found.st_ino,
        atime=found.st_atime_ns,
        mtime=found.st_mtime_ns,
        ctime=found.st_ctime_ns,
    )
    if facts.kind in (FileKind.CHARACTER, FileKind.BLOCK):
        return replace(facts, device=(os.major(found.st_rdev), os.minor(found.st_rdev)))
    return facts
