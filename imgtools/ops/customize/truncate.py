"""Empty a file, which keeps mode, owner and labels."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import truncate
from imgtools.ops.customize_plan import Order, require_there
from imgtools.ops.operation import ANY, Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the emptying."""
    yield from truncate(guest.files, require_there(guest.files, order.text))


OPERATION = Operation(summary="Empty a file", plan=plan, params=Order, families=ANY, metavar="PATH")
