"""Files that imgtools keeps in folders which others may write to: beside images, in caches, in the temporary folder.

Whoever can write to such a folder can put a link, a FIFO or a file of his own in the place of a name that he can
foresee. So what is ours is made new, for its owner alone, and never through a link; what is found is opened without
waiting and without following, and is ours only if it is a regular file of this user.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack, suppress
from pathlib import Path

from imgtools.errors import HostError

MODE = 0o600
_ALWAYS = os.O_NOFOLLOW | os.O_CLOEXEC


class NotOurs(HostError):
    """Something that this user has not made stands in the place of a file of imgtools."""


def make_own(host_path: Path) -> int:
    """Make a file that nobody else reads, and return its descriptor, for reading and writing.

    :raises NotOurs: there is something of that name, be it a link that leads nowhere.
    :raises OSError: it cannot be made.
    """
    try:
        return os.open(host_path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _ALWAYS, MODE)
    except FileExistsError:
        raise NotOurs(f"{host_path} is in the way", hint="move it away; imgtools needs this name") from None


def open_own(host_path: Path, flags: int = os.O_RDONLY) -> int:
    """Open a file of ours, and return its descriptor.

    :raises NotOurs: it is a link, no regular file, or another user's.
    :raises OSError: it cannot be opened; ``FileNotFoundError`` if there is none.
    """
    try:
        descriptor = os.open(host_path, flags | os.O_NONBLOCK | _ALWAYS, MODE)  # a FIFO would be waited for
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _not_ours(
                host_path, "a link" if error.errno == errno.ELOOP else "no regular file"
            ) from None
        if error.errno == errno.EACCES and (owner := _owner(host_path)) != os.geteuid():
            raise _not_ours(host_path, f"a file of another user ({owner})") from None
        raise
    with ExitStack() as stack:
        stack.callback(os.close, descriptor)
        require_own(descriptor, host_path)
        stack.pop_all()
    return descriptor


def require_own(descriptor: int, host_path: Path) -> None:
    """Make sure that an open file is a regular one of this user.

    :raises NotOurs: it is not.
    """
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise _not_ours(host_path, "no regular file")
    if found.st_uid != os.geteuid():
        raise _not_ours(host_path, f"a file of another user ({found.st_uid})")


def _owner(host_path: Path) -> int | None:
    try:
        return host_path.lstat().st_uid
    except OSError:
        return None


def _not_ours(host_path: Path, what: str) -> NotOurs:
    return NotOurs(
        f"{host_path} is {what}: imgtools has not made it for you",
        hint="an edit of another user may have left it: ask them to run imgtools recover; else move it away",
    )


def read_own(host_path: Path, limit: int) -> bytes:
    """Return the first ``limit`` bytes of a file of ours.

    :raises NotOurs: it is not ours.
    :raises OSError: it cannot be read.
    """
    with os.fdopen(open_own(host_path), "rb") as stream:
        return stream.read(limit)


def write_own(host_path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a small file, all or nothing: under a name that nobody can foresee, then renamed.

    :param durable: wait until the host's disk has it; the folder is the caller's to sync.
    :raises OSError: it cannot be written.
    """
    half = half_name(host_path)
    with ExitStack() as stack:
        stack.callback(_unlink, half)
        with os.fdopen(make_own(half), "wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        half.replace(host_path)
        stack.pop_all()


def _unlink(host_path: Path) -> None:
    with suppress(OSError):
        host_path.unlink()


HALF = ".half-"  # between the name of a file and eight digits: what is not complete yet


def half_name(host_path: Path) -> Path:
    """Return a new name beside a file for what will take its place."""
    return host_path.with_name(f"{host_path.name}{HALF}{os.urandom(4).hex()}")


def remove_halves(host_path: Path) -> list[Path]:
    """Remove what killed runs have left of a file before it was complete; the caller keeps others from writing it."""
    import glob  # late: each start would pay, and few remove anything

    removed = []
    for path in host_path.parent.glob(f"{glob.escape(host_path.name)}{HALF}" + "[0-9a-f]" * 8):
        with suppress(OSError, NotOurs):
            os.close(open_own(path))
            path.unlink()
            removed.append(path)
    return removed
