"""A filter of system calls: no new processes, no network, no namespaces (seccomp(2), linux/seccomp.h, linux/filter.h).

It says what Landlock and limits cannot: RLIMIT_NPROC counts all processes of a user and means nothing to root, and
Landlock knows TCP only. Threads are allowed, unix sockets where a kind of program needs them. A processor whose
numbers are not listed here goes without.

The filter is put up by the thread that then starts the program with vfork(2), because a fork of a large process costs
more than all the rest. So one place may still do that: the instruction in our own copy of the C library, at an address
that the program is not told and that means nothing in its own memory.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
from typing import NamedTuple

from imgtools.engine.confined.libc import LIBC

SET_MODE_FILTER, SPEC_ALLOW, NEW_LISTENER = 1, 4, 8
LOAD, EQUAL, AT_LEAST, ANY_BIT, ANSWER = (
    0x20,
    0x15,
    0x35,
    0x45,
    0x06,
)  # BPF_LD|W|ABS, BPF_JMP|JEQ/JGE/JSET|K, BPF_RET
NUMBER, ARCHITECTURE, POINTER, FIRST, SECOND, THIRD = 0, 4, 8, 16, 24, 32  # places in struct seccomp_data
ALLOW, ERRNO, KILL, ASK = 0x7FFF0000, 0x00050000, 0x80000000, 0x7FC00000  # SECCOMP_RET_*
THREAD = 0x00010000  # CLONE_THREAD
AF_UNIX = 1
LONGEST_VFORK = 64  # bytes of machine code; glibc has 12 to 24 before the call

MOUNTS = slice(3, 5)  # mount and umount2 among them
CHROOT = -3
# The calls that are refused, in the order of the numbers below: ptrace, process_vm_readv, process_vm_writev, mount,
# umount2, pivot_root, move_mount, open_tree, fsopen, fsconfig, fsmount, fspick, mount_setattr, unshare, setns, bpf,
# keyctl, add_key, request_key, perf_event_open, userfaultfd, init_module, finit_module, delete_module, kexec_load,
# reboot, swapon, swapoff, open_by_handle_at, truncate, chroot, acct, syslog.


class _Machine(NamedTuple):
    """Numbers of one processor (asm/unistd.h): its AUDIT_ARCH, and those of the calls that are looked at."""

    audit: int
    seccomp: int
    clone: int
    socket: int
    forks: tuple[int, ...]
    call: bytes  # the instruction that makes a system call
    access: tuple[int, int]  # access(2), and where its mode stands
    refused: tuple[int, ...]  # see above
    foreign: int = 0  # numbers from here on are those of another ABI (x32)


_X86 = (
    101,
    310,
    311,
    165,
    166,
    155,
    429,
    428,
    430,
    431,
    432,
    433,
    442,
    272,
    308,
    321,
    250,
    248,
    249,
    298,
    323,
    175,
)
_GENERIC = (
    117,
    270,
    271,
    40,
    39,
    41,
    429,
    428,
    430,
    431,
    432,
    433,
    442,
    97,
    268,
    280,
    219,
    217,
    218,
    241,
    282,
    105,
)
_GENERIC_REST = (273, 106, 104, 142, 224, 225, 265, 45, 51, 89, 116)
MACHINES = {
    "x86_64": _Machine(
        *(0xC000003E, 317, 56, 41, (57, 58), b"\x0f\x05", (21, SECOND)),
        (*_X86, 313, 176, 246, 169, 167, 168, 304, 76, 161, 163, 103),
        0x40000000,
    ),
    "aarch64": _Machine(
        0xC00000B7, 277, 220, 198, (), b"\x01\0\0\xd4", (48, THIRD), (*_GENERIC, *_GENERIC_REST)
    ),
    "riscv64": _Machine(
        0xC00000F3, 277, 220, 198, (), b"\x73\0\0\0", (48, THIRD), (*_GENERIC, *_GENERIC_REST)
    ),
}
CLONE3, IO_URING_SETUP = 435, 425  # on every processor

_syscall = LIBC.syscall


def is_known() -> bool:
    """Whether there is a filter for this processor."""
    return os.uname().machine in MACHINES


@functools.cache
def vfork_address() -> int:
    """Return where our C library returns to from the system call of vfork(2); 0 if that is not found."""
    machine = MACHINES.get(os.uname().machine)
    function = getattr(LIBC, "vfork", None)
    if machine is None or function is None:
        return 0
    start = ctypes.cast(function, ctypes.c_void_p).value or 0
    place = ctypes.string_at(start, LONGEST_VFORK).find(machine.call)
    return start + place + len(machine.call) if start and place >= 0 else 0


def mount_calls() -> tuple[int, int]:
    """Return the numbers of mount(2) and umount2(2) on a processor that is known."""
    mount, unmount = MACHINES[os.uname().machine].refused[MOUNTS]
    return mount, unmount


def make_filter(
    *,
    unix_sockets: bool,
    network: bool = False,
    asks_for_mounts: bool = False,
    shams_chroot: bool = False,
    starts_programs: bool = False,
    may_vfork_at: int = 0,
) -> bytes | None:
    """Return the program of a filter; None on a processor that is not known.

    :param network: sockets of every kind are allowed.
    :param asks_for_mounts: mount(2) and umount2(2) are for a listener to answer.
    :param shams_chroot: chroot(2) does nothing, and answers that it has.
    :param starts_programs: other processes may be made; they have the same filter.
    :param may_vfork_at: an address from which the program itself is started.
    """
    machine = MACHINES.get(os.uname().machine)
    if machine is None:
        return None
    lines = [_load(ARCHITECTURE), _jump(EQUAL, machine.audit, 1, 0), _answer(KILL), _load(NUMBER)]
    if machine.foreign:
        lines += [_jump(AT_LEAST, machine.foreign, 0, 1), _answer(ERRNO | errno.ENOSYS)]
    if may_vfork_at:
        for number in (*machine.forks, machine.clone):
            low, high = may_vfork_at & 0xFFFFFFFF, may_vfork_at >> 32
            lines += [_load(NUMBER), _jump(EQUAL, number, 0, 5), _load(POINTER), _jump(EQUAL, low, 0, 3)]
            lines += [_load(POINTER + 4), _jump(EQUAL, high, 0, 1), _answer(ALLOW)]
        lines += [_load(NUMBER)]
    # Who asks in the new way asks again in the old one, which can be looked into.
    for number in (CLONE3, IO_URING_SETUP):
        lines += [_jump(EQUAL, number, 0, 1), _answer(ERRNO | errno.ENOSYS)]
    for number in () if starts_programs else machine.forks:
        lines += [_jump(EQUAL, number, 0, 1), _answer(ERRNO | errno.EAGAIN)]
    if asks_for_mounts:
        lines += _mount_lines(machine)
    if shams_chroot:
        lines += [_jump(EQUAL, machine.refused[CHROOT], 0, 1), _answer(ERRNO)]
    for number in machine.refused:
        lines += [_jump(EQUAL, number, 0, 1), _answer(ERRNO | errno.EPERM)]
    if not starts_programs:
        lines += [_jump(EQUAL, machine.clone, 0, 4), _load(FIRST), _jump(ANY_BIT, THREAD, 0, 1)]
        lines += [_answer(ALLOW), _answer(ERRNO | errno.EAGAIN)]
    if network:
        return b"".join([*lines, _answer(ALLOW)])
    family = AF_UNIX if unix_sockets else 0xFFFFFFFF
    lines += [_jump(EQUAL, machine.socket, 0, 3), _load(FIRST), _jump(EQUAL, family, 1, 0)]
    return b"".join([*lines, _answer(ERRNO | errno.EACCES), _answer(ALLOW)])


def _mount_lines(machine: _Machine) -> list[bytes]:
    """Mounts are for a listener to answer; and /etc/mtab is on a disk that is read-only.

    Else libfuse from 3.17 on, which no longer asks whether it is a link to the kernel's list, starts mount(8) to write
    to it, and gives the mount up when it cannot.
    """
    lines = [line for number in mount_calls() for line in (_jump(EQUAL, number, 0, 1), _answer(ASK))]
    number, mode = machine.access
    lines += [_jump(EQUAL, number, 0, 3), _load(mode), _jump(EQUAL, os.W_OK, 0, 1)]
    return [*lines, _answer(ERRNO | errno.EROFS), _load(NUMBER)]


def _load(place: int) -> bytes:
    return struct.pack("=HBBI", LOAD, 0, 0, place)


def _jump(test: int, value: int, if_so: int, if_not: int) -> bytes:
    return struct.pack("=HBBI", test, if_so, if_not, value)


def _answer(value: int) -> bytes:
    return struct.pack("=HBBI", ANSWER, 0, 0, value)


def call(operation: int, flags: int, argument: object) -> int:
    """Call seccomp(2) on a processor that is known."""
    return int(_syscall(MACHINES[os.uname().machine].seccomp, operation, flags, argument))


def apply(program: bytes, *, listens: bool = False) -> int:
    """Filter the system calls of this thread and whatever it starts; no_new_privs must be set before.

    :param listens: return the descriptor by which questions are heard.
    :raises OSError: the kernel refuses.
    """
    lines = ctypes.c_void_p.from_buffer(ctypes.c_char_p(program)).value
    filter_ = struct.pack("=H6xQ", len(program) // 8, lines)  # struct sock_fprog
    # SPEC_ALLOW: the filter is no reason to switch off the processor's speculation, which costs (kernels before 5.16).
    flags = SPEC_ALLOW | (NEW_LISTENER if listens else 0)
    answer = call(SET_MODE_FILTER, flags, filter_)
    if answer < 0:
        raise OSError(ctypes.get_errno(), "the filter of system calls is refused")
    return answer
