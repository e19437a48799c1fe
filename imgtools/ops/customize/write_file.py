"""Give a file of the guest a content: ``PATH:CONTENT``.

virt-customize calls it --write, which here makes the whole plan happen.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, WriteFile
from imgtools.errors import UsageError
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file
from imgtools.ops.operation import ANY, Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the file with that content, as it is given, without a line end.

    :raises UsageError: the text has no colon.
    """
    path, colon, content = order.text.partition(":")
    if not colon:
        raise UsageError(f"not PATH:CONTENT: {order.text!r}")
    yield WriteFile(guest_file(path), content.encode("utf-8", "surrogateescape"))


OPERATION = Operation(summary="Write a file", plan=plan, params=Order, families=ANY, metavar="PATH:CONTENT")
