"""Let every network card ask for its address, and forget what it was given: addresses, leases, name servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change, RegistryRemoveValue, RegistrySet
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import in_registry, looked_up

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry

INTERFACES = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces"
# What a card has of its own, and what a DHCP server has given to it.
STATIC = frozenset(
    {"ipaddress", "subnetmask", "defaultgateway", "defaultgatewaymetric", "nameserver", "domain"}
)
LEASE = frozenset(
    {"lease", "leaseobtainedtime", "leaseterminatestime", "t1", "t2", "addresstype", "isservernapaware"}
)


def _anew(registry: Registry) -> Iterator[Change]:
    place, found = looked_up(registry, INTERFACES)
    for card in found.subkeys() if found is not None else ():
        key = rf"{place.key}\{card.name}"
        if card.number("EnableDHCP") == 0:
            yield RegistrySet(place.path, key, "EnableDHCP", "REG_DWORD", number=1)
        for value in card.values():
            name = value.name.casefold()
            if name in STATIC | LEASE or (name.startswith("dhcp") and value.data):
                yield RegistryRemoveValue(place.path, key, value.name)


OPERATION = Operation(
    summary="Forget addresses and leases of network cards", families=WINDOWS, plan=in_registry(_anew)
)
