"""Put a file of the host into the guest: ``HOSTFILE:PATH``; it keeps its mode, and belongs to root."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from imgtools.change.change import Change, Upload
from imgtools.errors import HostError
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file, split_pair
from imgtools.ops.operation import ANY, Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the upload; a folder as the target takes the file's own name.

    :raises HostError: the host has no such file.
    """
    name, path = split_pair(order.text, "HOSTFILE:PATH")
    host_path = Path(name)
    if not host_path.is_file():
        raise HostError(f"no such file on the host: {host_path}")
    place = guest_file(path)
    if guest.files.is_dir(place):
        place = f"{place.rstrip('/')}/{host_path.name}"
    found = host_path.stat()
    yield Upload(place, host_path, found.st_size, stat.S_IMODE(found.st_mode), 0, 0)


OPERATION = Operation(
    summary="Copy a file of the host into the guest",
    plan=plan,
    params=Order,
    families=ANY,
    metavar="HOSTFILE:PATH",
)
