"""Run a script of the host when the guest boots next.

It runs as root, once, after the network is up, in the order of the options; what it says is in
``/var/log/imgtools-firstboot.log`` of the guest. systemd, SysV init and OpenRC guests.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.firstboot import at_first_boot
from imgtools.ops.operation import Operation
from imgtools.ops.run_in_guest import read_script


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the script, what runs it, and what starts that.

    :raises HostError: the script cannot be read.
    :raises UnsupportedGuest: nothing is known that starts scripts in this guest.
    """
    host_path = Path(order.text)
    yield from at_first_boot(guest, host_path.name, read_script(host_path))


OPERATION = Operation(
    summary="Run a script of the host at the first boot", plan=plan, params=Order, metavar="SCRIPT"
)
