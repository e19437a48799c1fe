"""Set the time zone, which has to be one that the guest has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.errors import UsageError
from imgtools.guest.guest import Guest
from imgtools.image.change import Change, MakeLink, WriteFile
from imgtools.ops.api import Operation
from imgtools.ops.orders import Order

ZONES = "/usr/share/zoneinfo"


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield /etc/localtime, and Debian's /etc/timezone where there is one.

    :raises UsageError: the guest has no such zone.
    """
    zone = order.text
    is_name = re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", zone)
    if not is_name or not guest.files.is_file(f"{ZONES}/{zone}"):
        raise UsageError(f"the guest has no time zone {zone!r}", hint=f"imgtools ls -R IMAGE {ZONES}")
    yield MakeLink("/etc/localtime", f"..{ZONES}/{zone}")
    if guest.files.is_file("/etc/timezone"):
        yield WriteFile("/etc/timezone", f"{zone}\n".encode())


OPERATION = Operation(summary="Set the time zone", plan=plan, params=Order, metavar="ZONE")
