"""Landlock: which files a process may open, said by itself and for good (landlock(7), linux/landlock.h).

Only opening is restricted, not looking up: names and attributes stay visible, contents do not. What is open already,
memory without a name (memfd) and pipes are not touched by it.
"""

from __future__ import annotations

import ctypes
import functools
import os
import stat
import struct
from collections.abc import Iterable
from contextlib import ExitStack

from imgtools.engine.confined.libc import LIBC

# System calls have these numbers on every processor (asm-generic, since they are newer than the common numbering).
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
PATH_BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH


class Access:
    """LANDLOCK_ACCESS_FS_*: plain numbers, because flags of enum cost more than the rest of this module."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13  # since ABI 2
    TRUNCATE = 1 << 14  # since ABI 3
    IOCTL_DEV = 1 << 15  # since ABI 5


READ = Access.READ_FILE | Access.READ_DIR
RUN = READ | Access.EXECUTE
WRITE = READ | Access.WRITE_FILE | Access.TRUNCATE | Access.IOCTL_DEV
# In a folder of its own a program makes and removes plain files, folders, sockets and links; no devices.
MAKE = (
    Access.REMOVE_DIR
    | Access.REMOVE_FILE
    | Access.MAKE_DIR
    | Access.MAKE_REG
    | Access.MAKE_SOCK
    | Access.MAKE_FIFO
    | Access.MAKE_SYM
    | Access.REFER
)
FOR_FILES = Access.EXECUTE | WRITE & ~Access.READ_DIR
_HANDLED_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_ALL = (1 << 16) - 1
NETWORK = 0b11  # LANDLOCK_ACCESS_NET_BIND_TCP and CONNECT_TCP, since ABI 4
SCOPED = 0b11  # abstract unix sockets and signals of others, since ABI 6

_syscall = LIBC.syscall


@functools.cache
def abi() -> int:
    """Return the version of Landlock that this kernel speaks; 0: none, or it is not switched on."""
    return max(0, int(_syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION)))


def handled() -> int:
    """What this kernel can deny."""
    return _HANDLED_BY_ABI.get(abi(), _ALL)


def make_ruleset(rules: Iterable[tuple[str | int, int]], *, network: bool = False) -> int:
    """Return a descriptor of a ruleset: what is opened must lie beneath one of the rules' places.

    TCP is denied, and so are abstract unix sockets and signals to others, where the kernel can.

    :param rules: a host path or an open descriptor, and what may be done with it and beneath it. A place that is not
        there is no rule.
    :param network: TCP is not denied.
    :raises OSError: the kernel refuses.
    """
    version = abi()
    denied = NETWORK if version > 3 and not network else 0
    attributes = struct.pack("=QQQ", handled(), denied, SCOPED if version > 5 else 0)
    ruleset = _checked(_syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    with ExitStack() as stack:
        stack.callback(os.close, ruleset)
        for place, access in rules:
            add_rule(ruleset, place, access)
        stack.pop_all()
    return ruleset


def add_rule(ruleset: int, place: str | int, access: int) -> None:
    """Add one rule; a place that is not there is none."""
    access &= handled()
    if isinstance(place, int):
        _add_descriptor(ruleset, place, access)
        return
    try:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        _add_descriptor(ruleset, descriptor, access)
    finally:
        os.close(descriptor)


def _add_descriptor(ruleset: int, descriptor: int, access: int) -> None:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        return
    if not stat.S_ISDIR(mode):
        access &= FOR_FILES
    rule = struct.pack("=Qi", access, descriptor)
    if _syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0) != 0 and ctypes.get_errno() != 77:
        # EBADFD: it has no name (a memfd), and nothing forbids to open it again.
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def restrict_self(ruleset: int) -> None:
    """Apply a ruleset to this thread and whatever it starts; no_new_privs must be set before.

    :raises OSError: the kernel refuses.
    """
    _checked(_syscall(RESTRICT_SELF, ruleset, 0))


def _checked(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer
