"""Remove what NetworkManager remembers: its secret key, leases, and when it was connected to what.

The secret key makes stable IPv6 addresses and DHCP identifiers: two machines that share it share those.
"""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the secret key, leases and memory of NetworkManager",
    families=LINUX,
    plan=removing(
        "/var/lib/NetworkManager/secret_key",
        "/var/lib/NetworkManager/*.lease",
        "/var/lib/NetworkManager/{timestamps,seen-bssids,NetworkManager.state}",
    ),
)
