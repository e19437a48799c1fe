"""Edit a file with a regular expression: ``PATH:s/old/new/flags``, as in ``imgtools edit``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from imgtools.change.change import Change, WriteFile
from imgtools.change.compose import is_private
from imgtools.change.expression import apply_expressions
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file, split_pair
from imgtools.ops.operation import ANY, Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the file's new content, if the expression changes anything."""
    path, expression = split_pair(order.text, "PATH:EXPRESSION")
    place = guest.files.resolve(guest_file(path))
    old = guest.files.read_bytes(place)
    new = apply_expressions(old, [expression])
    if new != old:
        before = hashlib.sha256(old).hexdigest()
        yield WriteFile(place, new, before=before, private=is_private(place))


OPERATION = Operation(
    summary="Edit a file by an expression", plan=plan, params=Order, families=ANY, metavar="PATH:EXPR"
)
