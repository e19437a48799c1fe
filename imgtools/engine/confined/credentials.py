"""Another user for one thread, and what it starts: the C library would change all threads of the process (nptl(7))."""

from __future__ import annotations

import ctypes
import functools
import os
import struct
from pathlib import Path

from imgtools.engine.confined.libc import LIBC, buffer

# setgroups, setresgid, setresuid, capget, capset (asm/unistd.h, asm-generic/unistd.h).
NUMBERS = {"x86_64": (116, 119, 117, 125, 126)}
GENERIC = (159, 149, 147, 90, 91)
WITH_GENERIC = frozenset({"aarch64", "riscv64", "loongarch64"})

# Capabilities (linux/capability.h): any file may be opened; any file may be read, and any folder looked into.
OPEN_ALL, READ_ALL = 1, 2
SETGID, SETUID, SYS_ADMIN = 6, 7, 21
FILES = 0b11111  # the five over files: CAP_CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID
VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3: 64 of them, in two halves
SET_KEEPCAPS, CAP_AMBIENT, AMBIENT_RAISE = 8, 47, 2  # linux/prctl.h

_syscall, _prctl = LIBC.syscall, LIBC.prctl


def _numbers() -> tuple[int, ...]:
    return NUMBERS.get(os.uname().machine, GENERIC)


def may_become(user: int) -> bool:
    """Whether this process may become another user: it is root, with the right to, and the user is there.

    In a user namespace (rootless containers) often only some users are. A program may give up being root itself, so
    that is asked each time.
    """
    if os.geteuid() != 0 or not (os.uname().machine in NUMBERS or os.uname().machine in WITH_GENERIC):
        return False
    return bool(held() & 1 << SETUID and held() & 1 << SETGID) and _is_there(user)


@functools.cache
def _is_there(user: int) -> bool:
    """Whether the user namespace has a user and a group of this number, and groups can be given up in it."""
    own = Path("/proc/self")
    try:
        names = (own / "uid_map").read_text(), (own / "gid_map").read_text()
        return all(_holds(names_, user) for names_ in names) and (own / "setgroups").read_text() == "allow\n"
    except OSError:
        return False


def _holds(names: str, user: int) -> bool:
    """Whether a map of user_namespaces(7) has a number: lines of first inside, first outside, count."""
    for line in names.splitlines():
        first, _, count = map(int, line.split())
        if first <= user < first + count:
            return True
    return False


def held() -> int:
    """The capabilities that this process may use, a bit for each."""
    data = buffer(24)
    _check(_syscall(_numbers()[3], struct.pack("=Ii", VERSION_3, 0), data))
    _, low, _, _, high, _ = struct.unpack("=6I", data.raw)
    return int(low | high << 32)


def become(user: int, keeps: int = 0) -> None:
    """Give up being root in this thread: a user and group of one number, no other groups.

    :param keeps: the capabilities that stay, here and in what is started, a bit for each.
    :raises OSError: the kernel refuses.
    """
    setgroups, setresgid, setresuid, *_ = _numbers()
    if keeps:
        _check(_prctl(SET_KEEPCAPS, 1, 0, 0, 0))
    _check(_syscall(setgroups, 0, None))
    _check(_syscall(setresgid, user, user, user))
    _check(_syscall(setresuid, user, user, user))
    if keeps:
        _set(keeps, keeps)
        for number in range(64):
            if keeps & 1 << number:
                _check(_prctl(CAP_AMBIENT, AMBIENT_RAISE, number, 0, 0))


def keep_only(keeps: int) -> None:
    """Give up all capabilities but some in this thread, for good if no_new_privs is set, and stay who one is.

    :raises OSError: the kernel refuses.
    """
    _set(keeps, 0)


def _set(permitted: int, inheritable: int) -> None:
    words = [
        half for shift in (0, 32) for half in (permitted >> shift, permitted >> shift, inheritable >> shift)
    ]
    data = struct.pack("=6I", *(word & 0xFFFFFFFF for word in words))
    _check(_syscall(_numbers()[4], struct.pack("=Ii", VERSION_3, 0), data))


def _check(answer: int) -> None:
    if answer != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
