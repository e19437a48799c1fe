"""What is to be known of customizations before they are carried out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Named, find_customization
from imgtools.ops.passwords import warn_expired
from imgtools.records.system import Warned


def order_warnings(guest: Guest, wanted: Sequence[Named]) -> Iterator[Warned]:
    """Yield what the orders for a guest, as it is now, should make people think of; nothing of it is an error.

    :raises ImgtoolsError: as planning the orders does.
    """
    yield from warn_expired(guest, wanted)
    for one in wanted:
        yield from find_customization(one.name).operation.remarks(guest, one.order)
