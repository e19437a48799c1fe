"""Drop the host name from the ifcfg files of the Red Hat family and SUSE."""

from __future__ import annotations

from imgtools.ops.common_plans import dropping_lines
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Drop host names from ifcfg files",
    families=LINUX,
    plan=dropping_lines(
        r"^\s*(DHCP_)?HOSTNAME=",
        "/etc/sysconfig/network-scripts/ifcfg-*",
        "/etc/sysconfig/networking/{devices,profiles/default}/ifcfg-*",
    ),
)
