"""Take the host name away, so that a clone is named by DHCP, by cloud-init or when it is made."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import truncate
from imgtools.ops.operation import LINUX, NoParams, Operation

HOLDERS = ("/etc/hostname", "/etc/HOSTNAME")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the emptying of the files that hold the name; ``localhost`` is nobody's name."""
    for path in HOLDERS:
        if guest.files.is_file(path) and guest.files.read_text(path).strip() not in ("", "localhost"):
            yield from truncate(guest.files, path)
    if guest.files.is_file("/etc/machine-info"):
        yield EditLines("/etc/machine-info", (LineEdit(r"^\s*PRETTY_HOSTNAME="),))
    if guest.files.is_file("/etc/sysconfig/network"):
        yield EditLines("/etc/sysconfig/network", (LineEdit(r"^\s*(DHCP_)?HOSTNAME="),))


OPERATION = Operation(summary="Empty the host name", families=LINUX, plan=plan)
