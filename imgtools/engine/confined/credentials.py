"""Another user for one thread, and what it starts: the C library would change all threads of the process (nptl(7))."""

from __future__ import annotations

import ctypes
import os

# setgroups, setresgid, setresuid (asm/unistd.h, asm-generic/unistd.h).
NUMBERS = {"x86_64": (116, 119, 117)}
GENERIC = (159, 149, 147)
WITH_GENERIC = frozenset({"aarch64", "riscv64", "loongarch64"})

_syscall = ctypes.CDLL(None, use_errno=True).syscall


def is_known() -> bool:
    """Whether the numbers of this processor are known."""
    return os.uname().machine in NUMBERS or os.uname().machine in WITH_GENERIC


def become(user: int) -> None:
    """Give up being root in this thread: a user and group of one number, no other groups.

    :raises OSError: the kernel refuses.
    """
    setgroups, setresgid, setresuid = NUMBERS.get(os.uname().machine, GENERIC)
    _check(_syscall(setgroups, 0, None))
    _check(_syscall(setresgid, user, user, user))
    _check(_syscall(setresuid, user, user, user))


def _check(answer: int) -> None:
    if answer != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
