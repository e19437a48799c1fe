"""Give a file of the guest a content: ``PATH:CONTENT``."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.guest import Guest
from imgtools.image.change import Change, WriteFile
from imgtools.ops.api import Operation
from imgtools.ops.orders import Order, guest_file, split_pair


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the file with that content, as it is given, without a line end."""
    path, content = split_pair(order.text, "PATH:CONTENT")
    yield WriteFile(guest_file(path), content.encode("utf-8", "surrogateescape"))


OPERATION = Operation(summary="Write a file", plan=plan, params=Order, metavar="PATH:CONTENT")
