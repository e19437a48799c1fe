"""Start the DHCP client again where it is disabled and a network card asks for its address.

Without it such a guest has no address, and nobody reaches it.

Source: "Cannot RDP to Azure Virtual Machines because the DHCP Client service is disabled" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.ops.operation import WINDOWS, NoParams, Operation
from imgtools.ops.windows_repairs import DISABLED, SERVICES, START_TYPES, set_number, with_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry

CARDS = rf"{SERVICES}\Tcpip\Parameters\Interfaces"


def _started(registry: Registry, params: NoParams) -> Iterator[Change]:
    client = registry.find(rf"{SERVICES}\Dhcp")
    cards = registry.find(CARDS)
    asks = any(card.number("EnableDHCP") for card in cards.subkeys()) if cards is not None else False
    if client is not None and client.number("Start") == DISABLED and asks:
        yield from set_number(registry.place(rf"{SERVICES}\Dhcp"), client, "Start", START_TYPES["auto"])


OPERATION = Operation(
    summary="Start the DHCP client that a network card needs", families=WINDOWS, plan=with_registry(_started)
)
