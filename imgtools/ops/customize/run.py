"""Run a script of the host in the guest's own tree, in the appliance; without network, unless `--network` is given.

Its first line says what runs it (``#!/usr/bin/perl``), else the guest's shell does. A script that fails undoes
everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import Operation
from imgtools.ops.run_in_guest import run_script


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the script and its run.

    :raises HostError: the script cannot be read.
    :raises UnsupportedGuest: the guest has no shell, or is of another architecture than the host.
    """
    yield from run_script(guest, Path(order.text), network=order.network)


OPERATION = Operation(
    summary="Run a script of the host in the guest's tree, now",
    plan=plan,
    params=Order,
    metavar="SCRIPT",
    repeats=True,
)
