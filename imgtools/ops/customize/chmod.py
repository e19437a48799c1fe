"""Set the permissions of a file: ``MODE:PATH`` with an octal mode."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, SetMode
from imgtools.errors import UsageError
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, require_there, split_pair
from imgtools.ops.operation import Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the mode."""
    mode, path = split_pair(order.text, "MODE:PATH")
    if not re.fullmatch(r"[0-7]{3,5}", mode) or int(mode, 8) > 0o7777:
        raise UsageError(f"not an octal mode: {mode!r}", hint="0644:/etc/motd")
    yield SetMode(require_there(guest.files, path), int(mode, 8))


OPERATION = Operation(summary="Set the permissions of a file", plan=plan, params=Order, metavar="MODE:PATH")
