"""Let the guest talk to a serial port: ``ttyS0``, ``ttyS0:115200``.

The kernel, the boot loader's menu and a login prompt: ``console=tty0 console=ttyS0,115200`` among the kernel's
arguments, GRUB's or extlinux' own lines, and a getty where init does not start one by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import Operation
from imgtools.ops.serial_plans import parse_port, use_serial_port


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the files of boot loader and init.

    :raises UsageError: it is no serial port.
    :raises UnsupportedGuest: the guest has no boot loader that is known.
    """
    yield from use_serial_port(guest.files, parse_port(order.text))


OPERATION = Operation(
    summary="Let kernel, boot loader and login use a serial port",
    how="ttyS0, or ttyS0:SPEED",
    plan=plan,
    params=Order,
    metavar="PORT[:SPEED]",
)
