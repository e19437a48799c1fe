"""Give the machine a new MachineGuid, by which programs and licences know it.

Clones of one template share the new one: `sysprep /generalize` in the guest makes each its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change, RegistrySet
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import in_registry, looked_up

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry

KEY, NAME = r"HKLM\SOFTWARE\Microsoft\Cryptography", "MachineGuid"


def _new(registry: Registry) -> Iterator[Change]:
    place, found = looked_up(registry, KEY)
    if found is not None and found.value(NAME) is not None:
        yield RegistrySet(place.path, place.key, NAME, text=str(uuid.uuid4()))


OPERATION = Operation(
    summary="Give the machine a new MachineGuid", families=WINDOWS, plan=in_registry(_new), repeats=True
)
