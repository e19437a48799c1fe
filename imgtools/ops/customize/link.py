"""Make symbolic links: ``TARGET:LINK[:LINK...]``, as virt-customize writes it."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.guest import Guest
from imgtools.image.change import Change, MakeLink
from imgtools.ops.api import Operation
from imgtools.ops.orders import Order, guest_file, split_pair


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the links."""
    target, links = split_pair(order.text, "TARGET:LINK")
    for path in links.split(":"):
        yield MakeLink(guest_file(path), target)


OPERATION = Operation(summary="Make a symbolic link", plan=plan, params=Order, metavar="TARGET:LINK")
