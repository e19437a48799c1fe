"""Run a shell command in the guest's own tree, in the appliance; without network, unless `--network` is given.

The appliance's kernel runs it, not the guest's; no service of the guest runs. A command that fails undoes everything.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import Operation
from imgtools.ops.run_in_guest import run_in_guest


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the run.

    :raises UnsupportedGuest: the guest has no shell, or is of another architecture than the host.
    """
    yield run_in_guest(guest, order.text, network=order.network)


OPERATION = Operation(
    summary="Run a command in the guest's tree, now", plan=plan, params=Order, metavar="COMMAND", repeats=True
)
