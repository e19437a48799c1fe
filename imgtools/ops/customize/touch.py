"""Make an empty file, or give one that is there the present time."""

from __future__ import annotations

import time
from collections.abc import Iterator

from imgtools.change.change import Change, SetTimes, WriteFile
from imgtools.errors import NoSuchGuestFile
from imgtools.files.paths import normalise_keeping_dots, parent_of
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file
from imgtools.ops.operation import ANY, Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the times and, where there is none, the file.

    :raises NoSuchGuestFile: there is no directory for it.
    """
    path = normalise_keeping_dots(guest_file(order.text))
    if guest.files.exists(path):
        path = guest.files.resolve(path)
    elif not guest.files.is_dir(parent_of(path)):
        raise NoSuchGuestFile(f"no such directory in the guest: {parent_of(path)}", path=path)
    else:
        yield WriteFile(path, b"")
    now = time.time_ns()
    yield SetTimes(path, now, now)


OPERATION = Operation(
    summary="Make an empty file, or renew its times",
    plan=plan,
    params=Order,
    families=ANY,
    metavar="PATH",
    repeats=True,
)
