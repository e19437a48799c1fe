"""Turn the Windows firewall off for every kind of network, from the next boot until somebody turns it on again.

Policies that turn it on are taken along; a domain sets them again. Turn it on with
``netsh advfirewall set allprofiles state on``. Source: EnableFirewall ([MS-GPFAS] 2.2.2, learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.ops.operation import WINDOWS, NoParams, Operation
from imgtools.ops.windows_repairs import SERVICES, set_number, with_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry

SETTINGS = rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy"
POLICIES = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall"
PROFILES = ("DomainProfile", "PublicProfile", "StandardProfile")


def _off(registry: Registry, params: NoParams) -> Iterator[Change]:
    for above in (SETTINGS, POLICIES):
        for profile in PROFILES:
            found = registry.find(rf"{above}\{profile}")
            # What a policy does not say is not said for it.
            if found is not None and (above == SETTINGS or found.number("EnableFirewall") is not None):
                yield from set_number(registry.place(rf"{above}\{profile}"), found, "EnableFirewall", 0)


OPERATION = Operation(
    summary="Turn the firewall off", families=WINDOWS, plan=with_registry(_off), default=False
)
