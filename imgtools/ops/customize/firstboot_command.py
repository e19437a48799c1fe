"""Run a shell command when the guest boots next.

Linux guests with systemd, SysV init or OpenRC: it runs as root, once, after the network is up, in the order of the
options; what it says is in ``/var/log/imgtools-firstboot.log`` of the guest.

Windows guests since Vista: a line of a batch file; otherwise as a script of ``--firstboot``.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.firstboot import at_first_boot
from imgtools.ops.operation import LINUX_OR_WINDOWS, Operation
from imgtools.ops.windows_firstboot import WINDOWS_NOTES, at_first_boot_of_windows, batch_of
from imgtools.records.system import OsType


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the script, what runs it, and what starts that.

    :raises UnsupportedGuest: nothing is known that starts scripts in this guest.
    """
    if guest.os.type is OsType.WINDOWS:
        yield from at_first_boot_of_windows(guest, "command", "cmd", batch_of(order.text))
        return
    yield from at_first_boot(
        guest, "command", f"#!/bin/sh\n{order.text}\n".encode("utf-8", "surrogateescape")
    )


OPERATION = Operation(
    summary="Run a command at the first boot",
    plan=plan,
    params=Order,
    families=LINUX_OR_WINDOWS,
    metavar="COMMAND",
    notes=WINDOWS_NOTES,
)
