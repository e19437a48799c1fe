"""Make the changes that the customize options ask for, in the same transaction.

``imgtools sysprep --root-password ...`` and the like: the changes come from the customize shelf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.operation import ANY, Operation


@dataclass(frozen=True, slots=True)
class Params:
    """``wanted`` plans what the options asked for; None: there were none."""

    wanted: Callable[[Guest], Iterator[Change]] | None = None


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield what the options ask for."""
    if params.wanted is not None:
        yield from params.wanted(guest)


OPERATION = Operation(summary="Customize the guest", families=ANY, plan=plan, params=Params)
