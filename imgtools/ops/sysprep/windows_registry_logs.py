"""Write into the hives what only their transaction logs hold, of a Windows that was not shut down cleanly.

Else nothing could be changed in them: the next boot would apply the logs over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change, RegistryApplyLog
from imgtools.errors import OddGuest
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import in_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry


def _dirty(registry: Registry) -> Iterator[Change]:
    for place in registry.hives():
        try:
            state = registry.hive(place.path).state
        except OddGuest:
            continue  # damaged: whoever wants to change it says so
        if state.dirty and state.replayed:
            yield RegistryApplyLog(place.path)


OPERATION = Operation(
    summary="Apply the transaction logs of the registry", families=WINDOWS, plan=in_registry(_dirty)
)
