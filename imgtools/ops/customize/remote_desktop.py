"""Let people in by Remote Desktop, with network level authentication, and open the firewall to it.

Windows guests but Home editions. Who may connect is as the guest has it: administrators, and the group Remote Desktop
Users. A port of its own gets a rule of its own in the firewall.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import in_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry


def _plan(registry: Registry) -> Iterator[Change]:
    from imgtools.guest.windows.remote import remote_desktop_changes  # the shelf is read for every guest

    yield from remote_desktop_changes(registry)


OPERATION = Operation(
    summary="Let people in by Remote Desktop",
    plan=in_registry(_plan),
    params=Order,
    families=WINDOWS,
    metavar="",
)
