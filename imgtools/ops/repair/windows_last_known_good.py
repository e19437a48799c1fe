r"""Use the control set of the last good boot, where the one that boots next is not whole.

``HKLM\SYSTEM\Select`` names both. ``always=yes`` does it also where the current set is whole: what was changed in
services and drivers since the last good logon is then gone. A set without ``Control`` and ``Services`` is never used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_repairs import set_number, with_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry

SYSTEM = r"HKLM\SYSTEM"
# What the loader and the kernel read of a control set before anything else runs.
PARTS = (r"Control\Session Manager", "Services")


@dataclass(frozen=True, slots=True)
class Params:
    """``always``: also where the current control set is whole."""

    always: bool = False


def _lacking(guest: Guest) -> str:
    from imgtools.guest.windows.registry import open_registry

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        good = registry.number(rf"{SYSTEM}\Select", "LastKnownGood")
        return "" if good is not None and _is_whole(registry, good) else "no whole control set of a good boot"


def _is_whole(registry: Registry, number: int) -> bool:
    found = [registry.find(rf"{SYSTEM}\ControlSet{number:03d}\{part}") for part in PARTS]
    return all(one is not None and (one.subkey_count or one.value_count) for one in found)


def _restored(registry: Registry, params: Params) -> Iterator[Change]:
    place, select = registry.require(rf"{SYSTEM}\Select")
    good, current = select.number("LastKnownGood"), select.number("Current")
    default = select.number("Default")
    numbers = {one for one in (current, default) if one is not None}
    if good is None or (not params.always and numbers and all(_is_whole(registry, one) for one in numbers)):
        return
    if numbers != {good} and current is not None and current != good:
        yield from set_number(place, select, "Failed", current)
    yield from set_number(place, select, "Current", good)
    yield from set_number(place, select, "Default", good)


OPERATION = Operation(
    summary="Use the last known good control set",
    families=WINDOWS,
    plan=with_registry(_restored),
    params=Params,
    lacking=_lacking,
)
