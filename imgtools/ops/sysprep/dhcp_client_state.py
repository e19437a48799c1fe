"""Remove the leases and the identity (DUID) of DHCP clients."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove DHCP leases and client identifiers",
    families=LINUX,
    plan=removing(
        "/var/lib/dhclient/*",
        "/var/lib/dhcp/*",
        "/var/lib/dhcp3/*",
        "/var/lib/dhcpcd/*",
        "/var/db/dhcpcd/*",
        "/etc/dhcpcd.duid",
        "/var/lib/wicked/*",
        "/var/lib/systemd/network/*",
        "/run/systemd/netif/leases/*",
    ),
)
