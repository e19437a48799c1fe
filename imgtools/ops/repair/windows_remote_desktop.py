"""Let users connect by Remote Desktop: connections allowed, its service not disabled, its firewall rules active.

A policy that forbids it is taken away too; a domain sets it again. Source: "Remote Desktop connections ... registry"
(fDenyTSConnections) and "Windows Firewall rules" ([MS-FASP] 2.2.19) on learn.microsoft.com.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change, RegistrySet
from imgtools.ops.operation import WINDOWS, NoParams, Operation
from imgtools.ops.windows_repairs import DISABLED, SERVICES, START_TYPES, set_number, with_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry

SERVER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server"
POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
DENY = "fDenyTSConnections"
RULES = rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
OF_REMOTE_DESKTOP = "remotedesktop-"
INACTIVE = re.compile(r"\|Active=FALSE\|", re.IGNORECASE)


def _allowed(registry: Registry, params: NoParams) -> Iterator[Change]:
    place, server = registry.require(SERVER)
    yield from set_number(place, server, DENY, 0)
    policy = registry.find(POLICY)
    if policy is not None and policy.number(DENY):
        yield from set_number(registry.place(POLICY), policy, DENY, 0)
    service = registry.find(rf"{SERVICES}\TermService")
    if service is not None and service.number("Start") == DISABLED:
        place = registry.place(rf"{SERVICES}\TermService")
        yield from set_number(place, service, "Start", START_TYPES["demand"])
    rules = registry.find(RULES)
    for value in rules.values() if rules is not None else ():
        text = value.text or ""
        if value.name.casefold().startswith(OF_REMOTE_DESKTOP) and INACTIVE.search(text):
            place = registry.place(RULES)
            active = INACTIVE.sub("|Active=TRUE|", text)
            yield RegistrySet(place.path, place.key, value.name, value.type_name, text=active)


OPERATION = Operation(
    summary="Allow connections by Remote Desktop",
    families=WINDOWS,
    plan=with_registry(_allowed),
    default=False,
)
