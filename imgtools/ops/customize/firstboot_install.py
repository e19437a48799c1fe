"""Install packages when the guest boots next: ``PACKAGE,PACKAGE``.

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
from imgtools.ops.package_commands import install_script


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the script, what runs it, and what starts that.

    :raises UsageError: a name is none of a package.
    :raises UnsupportedGuest: nothing is known that starts scripts in this guest.
    """
    script = install_script(guest, order.text, refresh=True)
    yield from at_first_boot(guest, "install", f"#!/bin/sh\n{script}\n".encode())


OPERATION = Operation(
    summary="Install packages at the first boot", plan=plan, params=Order, metavar="PACKAGE,..."
)
