"""Delete what a pattern matches, directories with all below them; a path that is not there is an error."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.errors import NoSuchGuestFile
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import remove_matching
from imgtools.ops.customize_plan import Order, guest_file
from imgtools.ops.operation import ANY, Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the removals.

    :raises NoSuchGuestFile: nothing matches.
    """
    removals = list(remove_matching(guest.files, guest_file(order.text)))
    if not removals and not order.optional:
        raise NoSuchGuestFile(f"no such file in the guest: {order.text}", path=order.text)
    yield from removals


OPERATION = Operation(
    summary="Delete files and directories", plan=plan, params=Order, families=ANY, metavar="PATTERN"
)
