"""Make a directory with its missing parents."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.guest import Guest
from imgtools.image.change import Change, MakeDirectory
from imgtools.ops.api import ANY, Operation
from imgtools.ops.orders import Order, guest_file


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the directory."""
    yield MakeDirectory(guest_file(order.text))


OPERATION = Operation(summary="Make a directory", plan=plan, params=Order, families=ANY, metavar="PATH")
