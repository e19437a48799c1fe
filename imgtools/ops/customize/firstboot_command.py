"""Run a shell command when the guest boots next.

It runs as root, once, after the network is up, in the order of the options; what it says is in
``/var/log/imgtools-firstboot.log`` of the guest. systemd, SysV init and OpenRC guests.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.firstboot import at_first_boot
from imgtools.ops.operation import Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the script, what runs it, and what starts that.

    :raises UnsupportedGuest: nothing is known that starts scripts in this guest.
    """
    yield from at_first_boot(
        guest, "command", f"#!/bin/sh\n{order.text}\n".encode("utf-8", "surrogateescape")
    )


OPERATION = Operation(summary="Run a command at the first boot", plan=plan, params=Order, metavar="COMMAND")
