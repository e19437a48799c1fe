"""What checks of Windows ask of its updates: the packages that bring them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import held

if TYPE_CHECKING:  # the shelf is read for every guest
    from imgtools.guest.windows.registry import HiveKey
    from imgtools.records.windows import WindowsPackage


def update_packages(examined: Examined) -> tuple[WindowsPackage, ...]:
    """Return the packages that updates have brought, with their states and when they were installed."""
    return examined.once(_update_packages)


def _update_packages(examined: Examined) -> tuple[WindowsPackage, ...]:
    from imgtools.guest.windows.facts import RegistryFacts, Values
    from imgtools.guest.windows.updates import OF_UPDATE, PACKAGES, STATES
    from imgtools.records.windows import WindowsPackage

    def one(key: HiveKey) -> WindowsPackage | None:
        if not key.name.lower().startswith(OF_UPDATE):
            return None
        values = Values(key.values())
        state = values.number("CurrentState")
        if state is None:
            return None
        installed = values.time("InstallTimeHigh", "InstallTimeLow")
        return WindowsPackage(key.name, STATES.get(state, f"{state:#x}"), installed=installed)

    return RegistryFacts(held(examined).registry).each(PACKAGES, one)
