"""Remove the leases that a DHCP server has given out."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import ANY, Operation

OPERATION = Operation(
    summary="Remove the leases of DHCP servers",
    families=ANY,
    plan=removing(
        "/var/lib/dhcpd/*",
        "/var/lib/kea/*",
        "/var/lib/misc/dnsmasq.leases",
        "/var/lib/dnsmasq/*.leases",
        "/var/lib/libvirt/dnsmasq/*.{status,leases,macs}",
    ),
)
