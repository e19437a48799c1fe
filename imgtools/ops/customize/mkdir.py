"""Make a directory with its missing parents."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, MakeDirectory
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file
from imgtools.ops.operation import ANY, Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the directory."""
    yield MakeDirectory(guest_file(order.text))


OPERATION = Operation(summary="Make a directory", plan=plan, params=Order, families=ANY, metavar="PATH")
