"""Remove the connections of NetworkManager that belong to this machine."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the connection profiles of NetworkManager",
    families=LINUX,
    plan=removing("/etc/NetworkManager/system-connections/*"),
    notes="NetworkManager then asks every wired network for an address by DHCP.",
)
