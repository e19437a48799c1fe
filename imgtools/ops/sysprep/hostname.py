"""Take the host name away, so that a clone is named by DHCP, by cloud-init or when it is made.

In /etc/hosts the name goes from the lines of the loopback's addresses, and Debian's line for it, 127.0.1.1, goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import truncate
from imgtools.ops.operation import LINUX, NoParams, Operation

HOLDERS = ("/etc/hostname", "/etc/HOSTNAME")
HOSTS = "/etc/hosts"


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the emptying of the files that hold the name; ``localhost`` is nobody's name."""
    for path in HOLDERS:
        if guest.files.is_file(path) and guest.files.read_text(path).strip() not in ("", "localhost"):
            yield from truncate(guest.files, path)
    if guest.files.is_file("/etc/machine-info"):
        yield EditLines("/etc/machine-info", (LineEdit(r"^\s*PRETTY_HOSTNAME="),))
    if guest.files.is_file("/etc/sysconfig/network"):
        yield EditLines("/etc/sysconfig/network", (LineEdit(r"^\s*(DHCP_)?HOSTNAME="),))
    if guest.files.is_file("/etc/conf.d/hostname"):  # OpenRC, which then takes localhost
        expression = r"^\s*hostname=(?![\"']?(localhost)?[\"']?\s*(#|$))"
        yield EditLines("/etc/conf.d/hostname", (LineEdit(expression),))
    if guest.files.is_file(HOSTS):
        yield EditLines(guest.files.resolve(HOSTS), tuple(_hosts(guest.os.hostname.partition(".")[0])))


def _hosts(name: str) -> Iterator[LineEdit]:
    yield LineEdit(r"^\s*127\.0\.1\.1\s")
    if name not in ("", "localhost"):
        own = LineEdit(rf"^(\s*(?:127\.|::1(?=\s))[^#]*?)\s+{re.escape(name)}(?:\.[\w.-]+)?(?=\s|$)", r"\1")
        yield from (own, own)  # with its domain, and without
        yield LineEdit(r"^\s*(127\.[\d.]+|::1)\s*$")


OPERATION = Operation(summary="Empty the host name", families=LINUX, plan=plan)
