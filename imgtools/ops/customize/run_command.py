"""Run a shell command in the guest's own tree, in the appliance, without network."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.guest import Guest
from imgtools.image.change import Change, RunInGuest
from imgtools.ops.api import Operation
from imgtools.ops.orders import Order


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the run."""
    yield RunInGuest(order.text, what=order.text)


OPERATION = Operation(summary="Run a command in the guest", plan=plan, params=Order, metavar="COMMAND")
