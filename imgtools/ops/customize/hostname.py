"""Give the guest a host name, in every file where its distribution keeps one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.errors import UsageError
from imgtools.guest.guest import Guest
from imgtools.guest.services import Init, find_init
from imgtools.image.change import Change, EditLines, LineEdit, WriteFile
from imgtools.ops.api import Operation
from imgtools.ops.orders import Order

LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the files that hold the name. The limit of 64 letters is Linux' HOST_NAME_MAX.

    :raises UsageError: it is no host name (RFC 1123).
    """
    name = order.text
    if len(name) > 64 or not re.fullmatch(rf"{LABEL}(\.{LABEL})*", name):
        raise UsageError(f"not a host name: {name!r}", hint="letters, digits, hyphens and dots, at most 64")
    files = guest.files
    old = guest.os.hostname
    if files.is_file("/etc/sysconfig/network") and re.search(
        r"(?m)^\s*HOSTNAME=", files.read_text("/etc/sysconfig/network")
    ):
        yield EditLines("/etc/sysconfig/network", (LineEdit(r"^\s*HOSTNAME=.*", f"HOSTNAME={name}"),))
    if files.is_file("/etc/conf.d/hostname") and find_init(files) is Init.OPENRC:
        yield EditLines("/etc/conf.d/hostname", (LineEdit(r"^\s*hostname=.*", f'hostname="{name}"'),))
    if files.lstat("/etc/HOSTNAME") is not None and not files.exists("/etc/hostname"):
        yield WriteFile("/etc/HOSTNAME", f"{name}\n".encode())
    else:
        yield WriteFile("/etc/hostname", f"{name}\n".encode())
    if files.is_file("/etc/machine-info"):
        yield EditLines("/etc/machine-info", (LineEdit(r"^\s*PRETTY_HOSTNAME="),))
    if files.is_file("/etc/hosts"):
        yield from _hosts(guest, old, name)


def _hosts(guest: Guest, old: str, name: str) -> Iterator[Change]:
    """Debian's 127.0.1.1 line gets the name; elsewhere the old name is replaced on the loopback's lines."""
    text = guest.files.read_text("/etc/hosts")
    names = name if "." not in name else f"{name} {name.partition('.')[0]}"
    if re.search(r"(?m)^127\.0\.1\.1\s", text):
        yield EditLines("/etc/hosts", (LineEdit(r"^127\.0\.1\.1\s.*", f"127.0.1.1\t{names}"),))
    elif old and old != "localhost":
        pattern = rf"^((?:127\.|::1\s).*?\s){re.escape(old)}(?=\s|$)"
        yield EditLines("/etc/hosts", (LineEdit(pattern, rf"\g<1>{name}"),))


OPERATION = Operation(summary="Set the host name", plan=plan, params=Order, metavar="NAME")
