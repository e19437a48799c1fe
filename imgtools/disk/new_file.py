"""New image files: written beside their place, moved there when complete, gone if anything fails.

The files are made in a folder of their own next to the target, because some formats make several (a vmdk's
extents) whose names are written into the first. A process that is killed leaves such a folder; the next one that
writes here removes it, once nothing holds its lock any more.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imgtools.disk.in_use import refuse_in_use
from imgtools.engine import held_folder
from imgtools.engine.own_files import half_name, make_own
from imgtools.errors import EngineFailed, HostError, NoRoom, TargetExists, UsageError
from imgtools.records.image import ImageInfo

PREFIX = ".imgtools-new-"
EARLY = 0.05  # seconds between two rounds of writing what has gathered


@dataclass(frozen=True, slots=True)
class Draft:
    """A new file that is not in its place yet. ``host_path`` is where to write it; the name is the final one."""

    host_path: Path
    target: Path


@contextmanager
def new_file(
    target: Path, *, overwrite: bool = False, durable: bool = True, source: ImageInfo | None = None
) -> Iterator[Draft]:
    """Yield a draft of ``target``; when the block ends well, it takes its place, with all files beside it.

    :param overwrite: take the place of a file that is there.
    :param durable: wait until the host's disk has it, so that a power cut cannot leave half of it either.
    :param source: what it is made of: nobody may read the new file who may not read all of that.
    :raises TargetExists: there is such a file, and ``overwrite`` does not allow to replace it.
    :raises HostError: the folder is missing or cannot be written.
    """
    target = Path(os.path.realpath(target))  # a link stays a link: the file it leads to is replaced
    refuse_target(target, overwrite=overwrite)
    with scratch_folder(target.parent) as folder:
        draft = Draft(folder / target.name, target)
        try:
            yield draft
        except EngineFailed as error:
            error.message = error.message.replace(f"{folder}/", "")  # a name that nobody has given
            raise
        if source is not None:
            _hide_from(draft, source)
        _move_in(draft, overwrite=overwrite, durable=durable)


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """Yield an empty folder in the folder ``beside``, on its filesystem; gone afterwards, also after a kill.

    :raises HostError: the folder is missing or cannot be written.
    """
    with held_folder.scratch_folder(beside, PREFIX) as folder:
        yield folder


@contextmanager
def writing_early(path: Path) -> Iterator[None]:
    """Have the host write a growing file to its disk meanwhile, so that little is left to wait for at the end.

    The copying is the processor's work and the writing the disk's; one after the other they take almost twice as long.
    """
    done = threading.Event()

    def write() -> None:
        while not done.wait(EARLY):
            with suppress(OSError):  # not there yet, or in trouble that the writer meets too
                sync_file(path)

    writer = threading.Thread(target=write, name="writing early", daemon=True)
    writer.start()
    try:
        yield
    finally:
        done.set()
        writer.join()


def draft_files(draft: Draft) -> list[Path]:
    """Return the files of a draft so far, the one that names the others last."""
    beside = draft.host_path.parent.iterdir()
    ours = (draft.host_path.name, held_folder.LOCK)
    others = sorted(path for path in beside if path.name not in ours and not path.is_symlink())
    return [*others, draft.host_path]


def refuse_target(target: Path, *, overwrite: bool) -> None:
    """Make sure that a new file may be made at ``target``.

    :raises TargetExists: there is a file, and ``overwrite`` does not allow to replace it.
    :raises UsageError: it is no file that could be replaced.
    :raises ImageInUse: it is one that a QEMU program has open.
    :raises UnfinishedEdit: it is an image whose edit was cut: what finishes that would write into the new file.
    """
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise HostError(f"no such folder: {target.parent}") from None
        if target.is_symlink() and not overwrite:  # somebody may have put it there
            raise TargetExists(
                f"the file is there already: {target}, a link that leads nowhere", hint="remove it"
            ) from None
        return
    except OSError as error:
        raise HostError(f"cannot write {target}: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise UsageError(f"not a file that could be replaced: {target}")
    if not overwrite:
        raise TargetExists(f"the file is there already: {target}", hint="--overwrite replaces it")
    from imgtools.disk.transaction.marker import refuse_unfinished

    refuse_unfinished([target])
    refuse_in_use(target)


def refuse_own_files(infos: Iterable[ImageInfo], target: Path) -> None:
    """Make sure that a new file does not take the place of one that is read, under whatever name.

    :raises UsageError: it would.
    """
    files = (path for info in infos for layer in info.chain for path in (layer.host_path, *layer.extents))
    if any(_is_same(target, path) for path in files):
        raise UsageError(f"{target} is a file of the image that is read", hint="choose another name")


def _is_same(target: Path, other: Path) -> bool:
    try:
        return target.samefile(other)
    except OSError:  # no such file, mostly; whatever else it is, making the new file names it
        return False


def _hide_from(draft: Draft, source: ImageInfo) -> None:
    """Take from all but the owner what they may not do with the files of an image."""
    files = (path for layer in source.chain for path in (layer.host_path, *layer.extents))
    allowed = 0o777
    for path in files:
        allowed &= stat.S_IMODE(path.stat().st_mode)
    for path in draft_files(draft):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & (allowed | 0o600))


def place_new(path: Path, target: Path) -> None:
    """Give a file the name ``target`` in the same filesystem, unless there is something of that name.

    :raises FileExistsError: there is, be it a link that leads nowhere.
    """
    try:
        os.link(path, target)  # unlike a rename, it never takes the place of a file that came meanwhile
    except FileExistsError:
        raise
    except OSError:  # a filesystem without hard links
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target)) from None
        path.rename(target)


def _move_in(draft: Draft, *, overwrite: bool, durable: bool) -> None:
    """Move all files of the draft to their place, the one that names the others last."""
    files = draft_files(draft)
    for path in files[:-1]:
        refuse_target(draft.target.parent / path.name, overwrite=overwrite)
    try:
        for path in files:
            if durable:
                sync_file(path)
        for path in files:
            _place(path, draft.target.parent / path.name, overwrite=overwrite)
        if durable:
            sync_folder(draft.target.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoRoom(f"no room left for {draft.target}") from None
        raise HostError(f"cannot write {draft.target}: {error.strerror}") from None


def _place(path: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        path.replace(target)
        return
    try:
        place_new(path, target)
    except FileExistsError:
        raise TargetExists(f"the file is there already: {target}", hint="--overwrite replaces it") from None


def sync_file(path: Path) -> None:
    """Wait until the host's disk has a file.

    :raises OSError: it has not; the error names the file, which fsync(2) alone does not.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the host's disk has the names in a folder; some filesystems cannot."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise OSError(error.errno, error.strerror, os.fspath(folder)) from None
    finally:
        os.close(descriptor)


def allocate_files(draft: Draft) -> None:
    """Give every file of a draft all the room that its length promises.

    :raises NoRoom: the host has not so much.
    """
    for path in draft_files(draft):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.posix_fallocate(descriptor, 0, os.fstat(descriptor).st_size)
        except OSError as error:
            raise NoRoom(f"no room for {path.name}: {error.strerror}") from None
        finally:
            os.close(descriptor)


def free_room(folder: Path) -> int:
    """Return the bytes that an ordinary user may still write to the filesystem of ``folder``."""
    numbers = os.statvfs(folder)
    return numbers.f_bavail * numbers.f_frsize


def has_room(folder: Path, wanted: int) -> bool:
    """Whether ``wanted`` bytes fit."""
    return free_room(folder) >= wanted


def require_room(folder: Path, wanted: int, what: str) -> None:
    """Make sure that ``wanted`` bytes fit.

    :raises NoRoom: they do not.
    """
    free = free_room(folder)
    if wanted > free:
        raise NoRoom(
            f"{what} needs {wanted} bytes, and {folder} has room for {free}",
            hint="make room, or write to another filesystem",
        )


def replace_file(place: Path, content: bytes, *, like: Path, new: bool) -> None:
    """Write a file as a whole or not at all, with the mode and owner of another.

    :param new: it must not be there yet; else it takes the place of what is there.
    :raises TargetExists: it is there.
    :raises HostError: it cannot be written.
    """
    half = half_name(place)
    with ExitStack() as stack:
        try:
            facts = like.stat()
            descriptor = make_own(half)
            stack.callback(_unlink, half)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                with suppress(PermissionError):
                    os.fchown(stream.fileno(), facts.st_uid, facts.st_gid)
                os.fchmod(stream.fileno(), facts.st_mode & 0o7777)
                os.fsync(stream.fileno())
            if new:
                os.link(half, place)  # which, unlike a rename, replaces nothing
            else:
                half.replace(place)
        except FileExistsError:
            raise TargetExists(
                f"the file is there already: {place}", hint="--overwrite replaces it"
            ) from None
        except OSError as error:
            raise HostError(f"cannot write {place}: {error.strerror}") from None


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
