"""Logins of a Linux guest: the records of wtmp and btmp (utmp(5)), and lastlog, without a program that reads them.

The layout follows the architecture: glibc's struct utmp has 384 bytes where times have 32 bits (x86, also of 64 bits:
bits/wordsize.h, __WORDSIZE_TIME64_COMPAT32), and 400 bytes elsewhere on 64 bits (aarch64, riscv64, s390x).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, NamedTuple

CHUNK = 1000  # records that are read at once
LARGEST_UID = 4_000_000_000
SECOND = 10**9
LATEST = 4_102_444_800  # 2100: a damaged file can claim any time
BIG_ENDIAN = frozenset({"s390x", "s390", "ppc64", "ppc", "sparc64", "sparc", "mips", "mips64"})
WIDE = frozenset({"aarch64", "s390x", "riscv64", "alpha", "ia64", "loongarch64"})


class LoginKind(StrEnum):
    """What a record tells."""

    BOOT = "boot"
    SHUTDOWN = "shutdown"
    RUN_LEVEL = "run level"
    LOGIN = "login"
    LOGOUT = "logout"
    FAILED = "failed login"
    LAST = "last login"
    CLOCK = "clock set"


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """One record. ``line`` is the terminal, ``host`` where it came from; empty where the record does not say."""

    time: int  # nanoseconds since 1970
    kind: LoginKind
    user: str = ""
    line: str = ""
    host: str = ""
    pid: int | None = None


class Layout(NamedTuple):
    """How the records are laid out on an architecture."""

    utmp: struct.Struct  # type pid line id user host termination exit session seconds microseconds address
    lastlog: struct.Struct  # seconds line host


def layout_of(arch: str) -> Layout:
    """Return the layout of an architecture, as the guest's programs are for."""
    order = ">" if arch in BIG_ENDIAN else "<"
    if arch in WIDE:
        return Layout(
            struct.Struct(f"{order}hxxi32s4s32s256shhqqq16s20x4x"), struct.Struct(f"{order}q32s256s")
        )
    return Layout(struct.Struct(f"{order}hxxi32s4s32s256shhiii16s20x"), struct.Struct(f"{order}i32s256s"))


# ut_type of utmp(5).
RUN_LVL, BOOT_TIME, NEW_TIME, USER_PROCESS, DEAD_PROCESS = 1, 2, 3, 7, 8
TYPES = range(10)


class BadRecord(ValueError):
    """What is there is no record; the message says where."""


def read_records(stream: BinaryIO, layout: Layout, *, failed: bool = False) -> Iterator[LoginRecord]:
    """Yield the records of a wtmp or btmp that say something, in the order of the file.

    :param failed: it is a btmp: its records are logins that failed.
    :raises BadRecord: it holds something else, or ends within a record.
    """
    form, at = layout.utmp, 0
    while chunk := stream.read(form.size * CHUNK):
        while len(chunk) % form.size and (more := stream.read(form.size - len(chunk) % form.size)):
            chunk += more
        whole = len(chunk) - len(chunk) % form.size
        for fields in form.iter_unpack(chunk[:whole]):
            if (found := _record(fields, at, failed=failed)) is not None:
                yield found
            at += form.size
        if whole < len(chunk):
            raise BadRecord(f"ends within a record, at byte {at}")


def _record(fields: tuple[object, ...], at: int, *, failed: bool) -> LoginRecord | None:
    kind, pid, line, _id, user, host, _end, _exit, _session, seconds, micros, address = fields
    assert isinstance(seconds, int) and isinstance(micros, int) and isinstance(pid, int)
    if kind not in TYPES:
        raise BadRecord(f"no login record at byte {at}")
    if not 0 < seconds < LATEST:
        return None
    time = seconds * SECOND + min(max(micros, 0), 999_999) * 1000
    name, where, terminal = _text(user), _text(host) or _address(address), _text(line)
    if failed:
        return LoginRecord(time, LoginKind.FAILED, name, terminal, where, pid)
    if kind == USER_PROCESS:
        return LoginRecord(time, LoginKind.LOGIN, name, terminal, where, pid)
    if kind == DEAD_PROCESS:
        return LoginRecord(time, LoginKind.LOGOUT, name, terminal, "", pid)
    if kind == BOOT_TIME:
        return LoginRecord(time, LoginKind.BOOT, "", "", where)
    if kind == RUN_LVL:
        is_end = name == "shutdown"
        level = "" if is_end else chr(pid & 0xFF) if 32 < pid & 0xFF < 127 else ""
        return LoginRecord(time, LoginKind.SHUTDOWN if is_end else LoginKind.RUN_LEVEL, "", level, where)
    return LoginRecord(time, LoginKind.CLOCK) if kind == NEW_TIME else None


def _text(raw: object) -> str:
    assert isinstance(raw, bytes)
    return raw.split(b"\0")[0].decode("utf-8", "surrogateescape")


def _address(raw: object) -> str:
    """An address where no name of a host is: of IPv4 the first four bytes, the others zero."""
    assert isinstance(raw, bytes)
    if not any(raw):
        return ""
    return str(ipaddress.ip_address(raw[:4] if not any(raw[4:]) else raw))


def read_lastlog(stream: BinaryIO, layout: Layout, users: dict[int, str]) -> Iterator[LoginRecord]:
    """Yield when each account logged in last, of those that there are: the file is mostly hole.

    :param users: names by uid.
    """
    form = layout.lastlog
    for uid, name in sorted(users.items()):
        if not 0 <= uid <= LARGEST_UID:
            continue
        stream.seek(uid * form.size)
        raw = stream.read(form.size)
        if len(raw) < form.size:
            return
        seconds, line, host = form.unpack(raw)
        if 0 < seconds < LATEST:
            yield LoginRecord(seconds * SECOND, LoginKind.LAST, name, _text(line), _text(host))
