"""Start the kernels with an argument, or with a hyphen before it without: ``quiet``, ``net.ifnames=0``, ``-quiet``.

Where the boot loader reads it now, and where the next kernel takes it from: grub.cfg and /etc/default/grub, entries of
the Boot Loader Specification and /etc/kernel/cmdline, grubenv, menu.lst, extlinux.conf. An argument that is there with
another value gets the new one; ``console``, ``rd.lvm.lv`` and a few more may stand there several times. ``-console``
takes all values away, ``-console=ttyS0`` that one.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.boot.cmdline import Arguments, edit_arguments, parse_argument
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the boot loader's files.

    :raises UsageError: it is no kernel argument.
    :raises UnsupportedGuest: the guest has no boot loader that is known.
    """
    argument = parse_argument(order.text.removeprefix("-"))
    wanted = Arguments(remove=(argument,)) if order.text.startswith("-") else Arguments(add=(argument,))
    yield from edit_arguments(guest.files, wanted)


OPERATION = Operation(
    summary="Start the kernels with an argument",
    how="with a hyphen before it, without that argument",
    plan=plan,
    params=Order,
    metavar="[-]ARGUMENT",
)
