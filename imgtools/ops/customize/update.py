"""Update every package with the guest's own package manager, in the appliance; that needs `--network`."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import Operation
from imgtools.ops.package_commands import update_script
from imgtools.ops.run_in_guest import run_in_guest


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the run of the package manager.

    :raises UsageError: a name is none of a package.
    :raises UnsupportedGuest: the package manager is not known here, or cannot be run.
    """
    script = update_script(guest, refresh=order.network)
    yield run_in_guest(guest, script, network=order.network, what="update all packages")


OPERATION = Operation(summary="Update all packages, now", plan=plan, params=Order, metavar="", repeats=True)
