"""Make symbolic links: ``TARGET:LINK[:LINK...]``, as virt-customize writes it."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, MakeLink
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file, split_pair
from imgtools.ops.operation import Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the links."""
    target, links = split_pair(order.text, "TARGET:LINK")
    for path in links.split(":"):
        yield MakeLink(guest_file(path), target)


OPERATION = Operation(summary="Make a symbolic link", plan=plan, params=Order, metavar="TARGET:LINK")
