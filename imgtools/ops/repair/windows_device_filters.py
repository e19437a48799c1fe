r"""Take filters out of the disk's devices whose driver is not there.

A program that was removed, or the tools of another hypervisor, may leave its name in ``UpperFilters`` or
``LowerFilters`` of disks, volumes and controllers. None of these devices starts then: stop code 0x7B. Filters whose
driver is registered, enabled and there are left alone.

Source: "How to enable or disable a device filter driver", "Device filter driver ordering" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change, RegistryRemoveValue, RegistrySet
from imgtools.ops.operation import WINDOWS, NoParams, Operation
from imgtools.ops.windows_repairs import with_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry


def _without_lost(registry: Registry, params: NoParams) -> Iterator[Change]:
    from imgtools.guest.windows.boot_drivers import lost_filters

    lost: dict[tuple[str, str], set[str]] = {}
    for one in lost_filters(registry):
        lost.setdefault((one.key, one.value), set()).add(one.name)
    for (key, name), gone in lost.items():
        place, found = registry.require(key)
        value = found.value(name)
        kept = tuple(text for text in (value.texts or () if value is not None else ()) if text not in gone)
        if any(kept):
            yield RegistrySet(place.path, place.key, name, "REG_MULTI_SZ", texts=kept)
        else:
            yield RegistryRemoveValue(place.path, place.key, name)


OPERATION = Operation(
    summary="Take out filters of the disk whose driver is gone",
    families=WINDOWS,
    plan=with_registry(_without_lost),
)
