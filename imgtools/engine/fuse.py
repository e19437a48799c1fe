"""Show files of ours as a folder of the host, through mfusepy and libfuse."""

from __future__ import annotations

import errno
import logging
import os
import signal
import stat as modes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from imgtools.engine.held_folder import host_mounts, sweep, take_down
from imgtools.engine.kept_program import watched_mount
from imgtools.engine.process import HOST, ToolFailed, require, run
from imgtools.errors import EngineFailed, GuestFileError, HostError, ImgtoolsError, ToolMissing
from imgtools.records.files import FileKind, FileStat
from imgtools.records.usage import Usage

KINDS = {
    FileKind.FILE: modes.S_IFREG,
    FileKind.DIRECTORY: modes.S_IFDIR,
    FileKind.LINK: modes.S_IFLNK,
    FileKind.CHARACTER: modes.S_IFCHR,
    FileKind.BLOCK: modes.S_IFBLK,
    FileKind.FIFO: modes.S_IFIFO,
    FileKind.SOCKET: modes.S_IFSOCK,
}
BLOCK = 4096
SOURCE = "imgtools"  # what the host calls the source of our mounts
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ATTEMPTS, PAUSE = 20, 0.5  # to take a folder down when a signal says so; seconds between two
Answer = TypeVar("Answer")


class Folder(Protocol):
    """What is shown. Every call may raise OSError with the number that the kernel is to see."""

    def stat(self, path: str) -> FileStat:
        """Return the facts of a path, a link not followed."""

    def list_dir(self, path: str) -> list[str]:
        """Return the names in a directory."""

    def read_link(self, path: str) -> str:
        """Return the target of a link."""

    def read(self, path: str, size: int, offset: int) -> bytes:
        """Return part of a file."""

    def xattrs(self, path: str) -> dict[str, bytes]:
        """Return the extended attributes."""

    def make(
        self, path: str, kind: FileKind, mode: int, *, target: str = "", device: tuple[int, int] = (0, 0)
    ) -> None:
        """Make a file, directory, link or special file."""

    def write(self, path: str, data: bytes, offset: int) -> int:
        """Write into a file; return how many bytes."""

    def truncate(self, path: str, length: int) -> None:
        """Cut or extend a file."""

    def remove(self, path: str) -> None:
        """Remove a file or an empty directory."""

    def rename(self, path: str, to: str) -> None:
        """Rename a file or directory, also over another."""

    def link(self, path: str, to: str) -> None:
        """Give a file a second name."""

    def set_facts(self, path: str, **facts: int) -> None:
        """Set mode, uid, gid, atime or mtime."""

    def set_xattr(self, path: str, name: str, value: bytes | None) -> None:
        """Set an extended attribute, or remove it."""


def show_folder(
    folder: Folder,
    place: Path,
    *,
    contents: Path,
    usage: Usage,
    ready: Callable[[], None],
    read_only: bool,
    allow_other: bool = False,
) -> None:
    """Show ``folder`` at ``place`` until somebody unmounts it, or SIGINT, SIGTERM or SIGHUP comes: then that is raised.

    :param contents: what was changed; a folder that goes with the mount if we are killed, by us or by the next sweep.
    :param ready: called when it can be used.
    :raises ToolMissing: mfusepy, libfuse or fusermount3 is not installed.
    :raises EngineFailed: FUSE refuses.
    """
    require("fusermount3")
    try:
        import mfusepy
    except (ImportError, OSError):
        raise ToolMissing(
            "mfusepy or libfuse is not installed", hint="apt-get install fuse3; pip install mfusepy"
        ) from None
    # It logs every "no such file" that a kernel asks about.
    logging.getLogger("fuse").setLevel(logging.WARNING)
    options: dict[str, Any] = {"foreground": True, "nothreads": True, "ro": read_only, "fsname": SOURCE}
    if allow_other:
        options["allow_other"] = True
    sweep()
    _free(place)
    operations = type("imgtools", (_Answers, mfusepy.Operations), {})(folder, usage, ready)
    try:
        # Not libfuse's auto_unmount: it does nothing for ordinary users on Debian 12, because fusermount3 asks as root
        # whether the mount is dead, and root may not look into it (libfuse issue 586).
        with watched_mount(place, contents), _signals_unmount(place):
            mfusepy.FUSE(operations, os.fspath(place), **options)
    except RuntimeError as error:
        raise EngineFailed(
            f"cannot mount on {place}: FUSE refuses ({error})", hint="is /dev/fuse there, the folder empty?"
        ) from None


def _free(place: Path) -> None:
    """Take down what a server of ours has left at a place that was killed together with its watcher."""
    if _is_shown(place) and _is_dead(place):
        take_down(os.fspath(place))


def _is_shown(place: Path) -> bool:
    """Whether a folder of a server of ours is mounted at a place."""
    return any(mount.place == os.fspath(place) and mount.source == SOURCE for mount in host_mounts())


def _is_dead(place: Path) -> bool:
    """Whether the server of what is mounted at a place has ended without unmounting it."""
    try:
        place.stat()
    except OSError as error:
        return error.errno == errno.ENOTCONN
    return False


def unmount_folder(place: Path) -> None:
    """Take a mounted folder away; one that is not mounted any more is none to take away.

    :raises HostError: it is in use.
    :raises ToolFailed: it does not go.
    """
    try:
        run(["fusermount3", "-u", os.fspath(place)], HOST)
    except ToolFailed as error:
        if not place.is_mount():
            return
        if "busy" not in error.done.complaint:
            raise
        raise HostError(
            f"{place} is in use: a file in it is open, or a program works there",
            hint=f"leave the folder; fuser -vm {place} shows who is in it",
        ) from None


@contextmanager
def _signals_unmount(place: Path) -> Iterator[None]:
    """Let a signal unmount the folder, and come to its effect when the block has ended.

    The library calls us from C, where a handler of Python's that raises is lost, and the signal with it.
    """
    came: list[int] = []
    has_ended = threading.Event()

    def wait() -> None:
        while not has_ended.is_set():
            number = signal.sigwait((*ENDING, signal.SIGUSR1))
            if number in ENDING:
                came.append(number)
                for _ in range(ATTEMPTS):  # nobody sends the signal again, and whoever did may be gone
                    run(["fusermount3", "-u", "-z", os.fspath(place)], HOST, ok=range(256))
                    if has_ended.wait(PAUSE) or not _is_shown(place):
                        break

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (*ENDING, signal.SIGUSR1))
    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    try:
        yield
    finally:
        has_ended.set()
        signal.pthread_kill(waiter.ident or 0, signal.SIGUSR1)
        waiter.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if came:
            signal.raise_signal(came[0])


class _Answers:
    """The folder in the words of the FUSE library, which calls these methods by their names."""

    use_ns = True

    def __init__(self, folder: Folder, usage: Usage, ready: Callable[[], None]) -> None:
        self._folder = folder
        self._usage = usage
        self._ready = ready

    def init(self, path: str) -> None:
        self._ready()

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        return _attributes(_named(lambda: self._folder.stat(path)))

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *_named(lambda: self._folder.list_dir(path))]

    def readlink(self, path: str) -> str:
        return _named(lambda: self._folder.read_link(path))

    def open(self, path: str, flags: int) -> int:
        _named(lambda: self._folder.stat(path))
        if flags & os.O_TRUNC:
            _named(lambda: self._folder.truncate(path, 0))
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return _named(lambda: self._folder.read(path, size, offset))

    def listxattr(self, path: str) -> list[str]:
        return list(_named(lambda: self._folder.xattrs(path)))

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        found = _named(lambda: self._folder.xattrs(path))
        if name not in found:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))
        return found[name]

    def statfs(self, path: str) -> dict[str, int]:
        return {
            "f_bsize": BLOCK,
            "f_frsize": BLOCK,
            "f_blocks": self._usage.size // BLOCK,
            "f_bfree": self._usage.free // BLOCK,
            "f_bavail": self._usage.available // BLOCK,
            "f_files": self._usage.inodes,
            "f_ffree": self._usage.inodes_free,
            "f_namemax": 255,
        }

    def create(self, path: str, mode: int, fi: object = None) -> int:
        _named(lambda: self._folder.make(path, FileKind.FILE, mode))
        return 0

    def mknod(self, path: str, mode: int, dev: int) -> int:
        kind = next((kind for kind, bits in KINDS.items() if bits == modes.S_IFMT(mode)), FileKind.FILE)
        _named(lambda: self._folder.make(path, kind, mode, device=(os.major(dev), os.minor(dev))))
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        _named(lambda: self._folder.make(path, FileKind.DIRECTORY, mode))
        return 0

    def symlink(self, target: str, source: str) -> int:
        _named(lambda: self._folder.make(target, FileKind.LINK, 0o777, target=source))
        return 0

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return _named(lambda: self._folder.write(path, data, offset))

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        _named(lambda: self._folder.truncate(path, length))
        return 0

    def unlink(self, path: str) -> int:
        _named(lambda: self._folder.remove(path))
        return 0

    def rmdir(self, path: str) -> int:
        _named(lambda: self._folder.remove(path))
        return 0

    def rename(self, old: str, new: str) -> int:
        _named(lambda: self._folder.rename(old, new))
        return 0

    def link(self, target: str, source: str) -> int:
        _named(lambda: self._folder.link(source, target))
        return 0

    def chmod(self, path: str, mode: int) -> int:
        _named(lambda: self._folder.set_facts(path, mode=modes.S_IMODE(mode)))
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        facts = {name: value for name, value in (("uid", uid), ("gid", gid)) if 0 <= value < 2**32 - 1}
        _named(lambda: self._folder.set_facts(path, **facts))
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        if times is not None:
            _named(lambda: self._folder.set_facts(path, atime=times[0], mtime=times[1]))
        return 0

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> int:
        _named(lambda: self._folder.set_xattr(path, name, bytes(value)))
        return 0

    def removexattr(self, path: str, name: str) -> int:
        _named(lambda: self._folder.set_xattr(path, name, None))
        return 0


def _named(answer: Callable[[], Answer]) -> Answer:
    """Turn our errors into numbers that a kernel understands: a damaged file is an I/O error."""
    try:
        return answer()
    except GuestFileError:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT)) from None
    except ImgtoolsError:
        raise OSError(errno.EIO, os.strerror(errno.EIO)) from None


def _attributes(stat: FileStat) -> dict[str, int]:
    return {
        "st_mode": KINDS.get(stat.kind, modes.S_IFREG) | stat.mode,
        "st_nlink": stat.links,
        "st_uid": stat.uid,
        "st_gid": stat.gid,
        "st_size": stat.size,
        "st_blocks": -(-stat.size // 512),
        "st_rdev": os.makedev(*stat.device),
        "st_atime": stat.atime,
        "st_mtime": stat.mtime,
        "st_ctime": stat.ctime,
    }
