"""Enable or disable a service by the guest's own init: ``NAME:on``, ``NAME:off``."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.guest.services import enabling_links
from imgtools.image.change import Change, MakeDirectory, MakeLink, Remove
from imgtools.ops.api import Operation
from imgtools.ops.orders import Order, split_pair


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the links that enable it, or their removal.

    :raises UnsupportedGuest: the guest has no such service, or it cannot be enabled.
    """
    name, state = split_pair(order.text, "NAME:on or NAME:off")
    if state not in ("on", "off"):
        raise UsageError(f"not on or off: {state!r}")
    links = enabling_links(guest.files, name)
    if not links:
        raise UnsupportedGuest(f"the guest has no service {name} that can be enabled")
    for one in links:
        there = guest.files.lstat(one.path) is not None
        if state == "on" and not there:
            yield MakeDirectory(one.path.rpartition("/")[0])
            yield MakeLink(one.path, one.target)
        elif state == "off" and there:
            yield Remove(one.path)


OPERATION = Operation(summary="Enable or disable a service", plan=plan, params=Order, metavar="NAME:on|off")
