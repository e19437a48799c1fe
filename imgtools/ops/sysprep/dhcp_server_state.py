"""Remove the leases that a DHCP server has given out."""

from __future__ import annotations

from imgtools.ops.api import ANY, Operation
from imgtools.ops.steps import removing

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
