"""Folders in the temporary folder that are held by a lock as long as anybody uses them, and swept when nobody does.

The lock is flock(2) on a file in the folder, by a descriptor that every program inherits which uses the folder: the
kernel lets it go with the last of them, however they end. So what is not locked was left by a run that was killed with
all that it had started, and the next one takes it away, with what is still mounted in it. A FUSE mount whose server is
gone answers ENOTCONN to every program that asks for the state of all mounts, as mkfs.btrfs does.

Nothing in such a folder is deeper than a folder of files, such as libguestfs makes. So nothing here removes a tree, and
a mount that was overlooked is not emptied. See docs/decisions/mounts-go.md.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imgtools.engine.process import HOST, Limits, run
from imgtools.errors import HostError, ImgtoolsError, NoRoom

log = logging.getLogger(__name__)

PREFIX = "imgtools-kept-"  # what is made in the temporary folder; the sweep knows nothing of other folders
LOCK = ".imgtools-lock"  # a shell's * does not mean it, so that the keepers remove it last
HALF = ".imgtools-lock.new"  # its name before it is locked
OLD = 24 * 3600.0  # seconds, after which a folder without a lock is no longer one that is just being made
MOUNTS = Path("/proc/self/mountinfo")
# A lazy unmount waits for nobody; the limit is for a host that does not come to run it.
UNMOUNT = Limits(seconds=10)


class HeldFolder:
    """A new private folder, held until :meth:`let_go`, and by every program that inherits :attr:`lock`.

    :param base: where it is made; None: in the temporary folder.
    :raises OSError: it cannot be made.
    """

    def __init__(self, base: Path | None = None, prefix: str = PREFIX) -> None:
        # As /proc/self/mountinfo names it.
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=os.path.realpath(base or tempfile.gettempdir())))
        try:
            self.lock = hold(self.path)
        except OSError:
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    def let_go(self) -> None:
        """Close our own descriptor of the lock."""
        os.close(self.lock)


@contextmanager
def scratch_folder(base: Path | None = None, prefix: str = PREFIX) -> Iterator[Path]:
    """Yield a new private folder; it is gone afterwards, and if we are killed the next run takes it away.

    :param base: where it is made; None: in the temporary folder.
    :raises NoRoom: there is no room for it.
    :raises HostError: it cannot be made.
    """
    sweep(base, prefix)
    try:
        held = HeldFolder(base, prefix)
    except OSError as error:
        place = base or tempfile.gettempdir()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoom(f"no room left in {place}") from None
        hint = "" if base else "TMPDIR names another folder for temporary files"
        raise HostError(f"cannot write to the folder {place}: {error.strerror}", hint=hint) from None
    try:
        yield held.path
    finally:
        shutil.rmtree(held.path, ignore_errors=True)
        held.let_go()
        # On NFS and FUSE the open lock keeps a name in the folder until it is closed.
        shutil.rmtree(held.path, ignore_errors=True)


def hold(folder: Path) -> int:
    """Lock a folder of ours; returns the descriptor that holds it."""
    half = folder / HALF
    descriptor = os.open(half, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with suppress(OSError):  # a filesystem without locks: without the file's name it is never swept
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # It is locked before it gets its name: nobody who sweeps finds it in between.
        half.rename(folder / LOCK)
    return descriptor


# -- the sweep ---------------------------------------------------------------------------------------------


def sweep(base: Path | None = None, prefix: str = PREFIX) -> None:
    """Take away what runs have left that were killed; where there is nothing, this is one look at a list of names.

    What cannot be taken away stays: it must not stop whoever has come to do something else.

    :param base: where they were made; None: in the temporary folder.
    """
    try:
        with os.scandir(os.path.realpath(base or tempfile.gettempdir())) as entries:
            # Told by the list itself: asking for the state of what is a mount could wait for ever.
            found = [entry.path for entry in entries if _may_be_ours(entry, prefix)]
        places = {mount.place for mount in host_mounts()} if found else set()
    except OSError as error:
        log.debug("not swept: %s", error)
        return
    for path in found:
        if path not in places:
            take_away(Path(path))


def _may_be_ours(entry: os.DirEntry[str], prefix: str) -> bool:
    return entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False)


def take_away(folder: Path) -> bool:
    """Remove a folder of ours that nobody holds, and whatever is mounted in it; returns whether it is gone."""
    try:
        with ExitStack() as stack:
            inside = _open_leftover(folder, stack)
            if inside is None:
                return False
            log.info("taking away what a run has left that was killed: %s", folder)
            for place in reversed(mounts_below(folder)):
                take_down(place)
            _remove(folder, inside)
    except FileNotFoundError:  # another imgtools was faster
        return True
    except OSError as error:
        log.debug("not taken away: %s: %s", folder, error)
        return False
    return True


def clear(folder: Path) -> bool:
    """Remove a folder whose program has ended, and whatever is mounted in it; returns whether it is gone."""
    for place in reversed(mounts_below(folder)):
        take_down(place)
    try:
        inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _remove(folder, inside)
        finally:
            os.close(inside)
    except FileNotFoundError:
        return True
    except OSError as error:
        log.debug("not removed: %s: %s", folder, error)
        return False
    return True


def _open_leftover(folder: Path, stack: ExitStack) -> int | None:
    """Return a descriptor of a folder, its lock held until the stack ends; None: it is not ours, or somebody's."""
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    stack.callback(os.close, inside)
    found = os.fstat(inside)
    if found.st_uid != os.geteuid():
        return None
    if _take_lock(LOCK, inside, stack):
        return inside
    # One that is killed between two steps of making a folder leaves it without its lock.
    if time.time() - found.st_mtime > OLD:
        if _take_lock(HALF, inside, stack):
            return inside
        folder.rmdir()
    return None


def _take_lock(name: str, inside: int, stack: ExitStack) -> bool:
    """Lock a file of ours until the stack ends; False: it is not there, not ours, or locked."""
    try:
        # O_NONBLOCK: a FIFO of that name would be waited for.
        lock = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=inside)
    except FileNotFoundError:
        return False
    stack.callback(os.close, lock)
    found = os.fstat(lock)
    if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode):
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(folder: Path, inside: int) -> None:
    """Remove a folder, the files in it and its folders of files, the lock last: a folder that has one can be swept.

    :raises OSError: something is mounted in it, or a folder in it holds another one.
    """
    for name in os.listdir(inside):
        if name != LOCK:
            try:
                os.unlink(name, dir_fd=inside)
            except IsADirectoryError:
                _remove_files(name, inside)
    with suppress(FileNotFoundError):
        os.unlink(LOCK, dir_fd=inside)
    folder.rmdir()


def _remove_files(name: str, above: int) -> None:
    """Remove a folder and the files in it, unless something is mounted on it."""
    inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    try:
        if _mount_of(inside) == _mount_of(above):
            with os.scandir(inside) as files:
                for file in files:
                    os.unlink(file.name, dir_fd=inside)
    finally:
        os.close(inside)
    os.rmdir(name, dir_fd=above)


def _mount_of(descriptor: int) -> str:
    """The number of the mount that a file was opened through (proc(5)); a bind mount has one of its own."""
    told = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
    return told.partition("mnt_id:")[2].split("\n")[0].strip()


# -- mounts ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HostMount:
    """Something mounted on this host: where, the type of the filesystem, and what it calls its source."""

    place: str
    kind: str
    source: str


def host_mounts() -> list[HostMount]:
    """Return what this process sees mounted, the oldest first, from ``/proc/self/mountinfo`` (proc(5))."""
    mounts = []
    for line in MOUNTS.read_bytes().splitlines():
        before, _, after = line.partition(b" - ")
        words, (kind, source, *_) = before.split(b" "), after.split(b" ")
        mounts.append(HostMount(_unescaped(words[4]), _unescaped(kind), _unescaped(source)))
    return mounts


def _unescaped(word: bytes) -> str:
    r"""A word of mountinfo as it was: the kernel writes a space as ``\040`` (mangle_path in fs/seq_file.c)."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), word))


def mounts_below(folder: Path) -> list[str]:
    """Return the places in a folder where something is mounted, outer ones first; none of them is looked at."""
    return [mount.place for mount in host_mounts() if mount.place.startswith(f"{folder}/")]


def take_down(place: str) -> bool:
    """Unmount lazily, also what does not answer: fusermount3 does so for everybody, umount for root only."""
    for argv in (["fusermount3", "-u", "-z", place], ["umount", "-l", place]):
        try:
            run(argv, HOST, limits=UNMOUNT)
        except ImgtoolsError as error:
            log.debug("not unmounted: %s: %s", place, error.message)
        else:
            return True
    return False
