"""Remove the connections of NetworkManager that belong to this machine."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the connection profiles of NetworkManager",
    families=LINUX,
    plan=removing("/etc/NetworkManager/system-connections/*"),
    notes="NetworkManager then asks every wired network for an address by DHCP.",
)
