"""Rename a file or directory: ``PATH:NEWPATH``."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, Move
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file, require_there, split_pair
from imgtools.ops.operation import ANY, Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the renaming."""
    path, new = split_pair(order.text, "PATH:NEWPATH")
    yield Move(require_there(guest.files, path), guest_file(new))


OPERATION = Operation(
    summary="Rename a file or directory", plan=plan, params=Order, families=ANY, metavar="PATH:NEWPATH"
)
