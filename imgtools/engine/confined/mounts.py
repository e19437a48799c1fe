"""Mounts for programs that are fenced in: the kernel asks us when they want one, and we make it (seccomp_unotify(2)).

A fence forbids to mount, so ntfs-3g and QEMU's exporter would have to do without one. They open /dev/fuse themselves;
what they hand to mount(2) is looked at here, and mounted with options of ours.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import select
import stat
import struct
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from imgtools.engine.confined import seccomp
from imgtools.engine.confined.credentials import SYS_ADMIN, held
from imgtools.engine.confined.libc import LIBC, buffer

GET_NOTIF_SIZES = 3  # SECCOMP_GET_NOTIF_SIZES
QUESTION, ANSWER, CALL = 80, 24, 64  # bytes of struct seccomp_notif, seccomp_notif_resp, seccomp_data
RECEIVE, SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV and _SEND
PIDFD_GETFD = 438  # on every processor
CLONE_NEWNS = 0x20000
NOSUID, NODEV, NOEXEC, NOATIME, RECURSIVE, SLAVE = 2, 4, 8, 1024, 1 << 14, 1 << 19  # MS_* of linux/mount.h
DETACH, NOFOLLOW = 2, 8  # MNT_DETACH, UMOUNT_NOFOLLOW
FUSE_DEVICE = os.makedev(10, 229)
LONGEST = 4096  # bytes of a path, and of options
OPTION = re.compile(r"(rootmode|user_id|group_id|max_read|blksize)=\d+|allow_other|default_permissions")


def may_mount() -> bool:
    """Whether we can mount for others here: as root, with the right to, and a kernel since 5.6."""
    if os.geteuid() != 0 or not held() & 1 << SYS_ADMIN or not seccomp.is_known():
        return False
    sizes = buffer(6)
    if seccomp.call(GET_NOTIF_SIZES, 0, sizes) != 0 or struct.unpack("=3H", sizes.raw) != (
        QUESTION,
        ANSWER,
        CALL,
    ):
        return False
    return LIBC.syscall(PIDFD_GETFD, -1, -1, 0) < 0 and ctypes.get_errno() == errno.EBADF


def have_own_mounts() -> bool:
    """Give this thread, and what it starts, a list of mounts of its own, which goes with the last of them.

    What is unmounted elsewhere is unmounted in it, too.
    """
    if LIBC.unshare(CLONE_NEWNS) != 0:
        return False
    return int(LIBC.mount(b"none", b"/", None, ctypes.c_ulong(RECURSIVE | SLAVE), None)) == 0


class _Question(NamedTuple):
    """A call that waits for us."""

    number: int
    thread: int
    call: int
    arguments: tuple[int, ...]


def mount_for(listener: int, folder: Path | None) -> None:
    """Answer a program until it has ended: it may mount on what lies in ``folder``, and unmount that.

    :param listener: of its filter; closed in the end.
    """
    with ExitStack() as stack:
        stack.callback(os.close, listener)
        waiting = select.poll()
        waiting.register(listener, select.POLLIN)
        while waiting.poll()[0][1] & select.POLLIN:
            question = _receive(listener)
            if question is None:
                continue
            failure = 0
            try:
                _answer(question, folder)
            except OSError as error:
                failure = error.errno or errno.EPERM
            answer = struct.pack("=QqiI", question.number, 0, -failure, 0)
            try:
                fcntl.ioctl(listener, SEND, answer)
            except FileNotFoundError:  # it was ended meanwhile
                continue


def _receive(listener: int) -> _Question | None:
    asked = bytearray(QUESTION)
    try:
        fcntl.ioctl(listener, RECEIVE, asked, True)
    except (FileNotFoundError, InterruptedError):  # it was ended meanwhile
        return None
    number, thread, _flags, call, _arch, _at, *arguments = struct.unpack("=QIIiIQ6Q", asked)
    return _Question(number, thread, call, tuple(arguments))


def _answer(question: _Question, folder: Path | None) -> None:
    if folder is None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    mount, unmount = seccomp.mount_calls()
    with (Path("/proc") / str(question.thread) / "mem").open("rb", buffering=0) as memory:
        if question.call == mount:
            place, options = question.arguments[1], question.arguments[4]
            _mount(question.thread, _text(memory.fileno(), options), _text(memory.fileno(), place), folder)
        elif question.call == unmount:
            _unmount(_text(memory.fileno(), question.arguments[0]), folder)


def _text(memory: int, address: int) -> str:
    """Read a text that ends with a NUL; what lies behind it may be no memory."""
    found = b""
    while address and b"\0" not in found and len(found) < LONGEST:
        here = address + len(found)
        piece = os.pread(memory, min(64, 4096 - here % 4096), here)
        if not piece:
            break
        found += piece
    return found.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _place(place: str, folder: Path) -> str:
    """Return the name in the folder that a program means.

    :raises PermissionError: it is elsewhere.
    """
    path = Path(place)
    if path.parent != folder or path.name in ("", "..", "."):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    return path.name


def _mount(thread: int, options: str, place: str, folder: Path) -> None:
    name = _place(place, folder)
    words = options.split(",")
    device = next((word[3:] for word in words if re.fullmatch(r"fd=\d{1,6}", word)), None)
    if device is None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    with ExitStack() as stack:
        connection = _descriptor_of(thread, int(device))
        stack.callback(os.close, connection)
        if os.fstat(connection).st_rdev != FUSE_DEVICE:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        above = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, above)
        on = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
        stack.callback(os.close, on)
        if stat.S_ISLNK(os.fstat(on).st_mode):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        told = ",".join([f"fd={connection}", *(word for word in words if OPTION.fullmatch(word))])
        flags = ctypes.c_ulong(NOSUID | NODEV | NOEXEC | NOATIME)
        _check(LIBC.mount(b"imgtools", f"/proc/self/fd/{on}".encode(), b"fuse", flags, told.encode()))


def _unmount(place: str, folder: Path) -> None:
    target = folder / _place(place, folder)
    _check(LIBC.umount2(os.fsencode(target), DETACH | NOFOLLOW))


def _descriptor_of(thread: int, number: int) -> int:
    """Return a descriptor of ours for what is open in another process."""
    status = Path("/proc", str(thread), "status").read_text()
    process = os.pidfd_open(int(status.partition("\nTgid:")[2].split(None, 1)[0]))
    try:
        return _check(LIBC.syscall(PIDFD_GETFD, process, number, 0))
    finally:
        os.close(process)


def _check(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer
