"""Drop the host name from the files of networks, which send it to the DHCP server or take it for their own.

ifcfg files of the Red Hat family and SUSE, interfaces of ifupdown, networkd, dhclient and dhcpcd.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import dropping_lines
from imgtools.ops.operation import LINUX, NoParams, Operation

# interfaces(5), systemd.network(5), dhclient.conf(5), dhcpcd.conf(5). What is asked for at run time is nobody's name.
PLACES = (
    (r"^\s*(DHCP_)?HOSTNAME=", ("/etc/sysconfig/network-scripts/ifcfg-*",)),
    (r"^\s*(DHCP_)?HOSTNAME=", ("/etc/sysconfig/networking/{devices,profiles/default}/ifcfg-*",)),
    (r"^\s+hostname\s+[^$\s]", ("/etc/network/interfaces", "/etc/network/interfaces.d/*")),
    (r"^\s*Hostname\s*=", ("/etc/systemd/network/*.network",)),
    (r'^\s*send\s+(host-name|fqdn\.fqdn)\s+"', ("/etc/dhcp/dhclient.conf", "/etc/dhclient.conf")),
    (r"^\s*hostname\s+\S", ("/etc/dhcpcd.conf",)),
)


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the edits of the files that hold a name."""
    for expression, patterns in PLACES:
        yield from dropping_lines(expression, *patterns)(guest, params)


OPERATION = Operation(summary="Drop host names from the files of networks", families=LINUX, plan=plan)
