"""Turn a service on or off, by the guest's own init: ``NAME:on``, ``NAME:off``, ``NAME:mask``, ``NAME:unmask``.

systemd's units with the links that their [Install] section asks for, aliases and units of Also= included; run levels of
OpenRC, SysV init (by the LSB header or chkconfig line) and upstart. A masked unit is started by nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.errors import UsageError
from imgtools.guest.guest import Guest
from imgtools.guest.services.switch import STATES, switch_service
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the links that enable it, or their removal.

    :raises UsageError: it is not written so, or a masked service is turned on.
    :raises UnsupportedGuest: the guest has no such service, or it cannot be enabled.
    """
    name, _, state = order.text.rpartition(":")
    if not name or state not in STATES:
        raise UsageError(f"not NAME:on, NAME:off, NAME:mask or NAME:unmask: {order.text!r}")
    yield from switch_service(guest.files, name, state)


OPERATION = Operation(
    summary="Turn a service on or off",
    how="on, off, or with systemd also mask and unmask",
    plan=plan,
    params=Order,
    metavar="NAME:on|off|mask|unmask",
)
