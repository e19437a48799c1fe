"""Remove the firewall rules that the administrator has added."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove the firewall rules",
    families=UNIX,
    plan=removing("/etc/sysconfig/iptables", "/etc/firewalld/services/*", "/etc/firewalld/zones/*"),
    default=False,
    notes="Not run by default: a clone without its firewall is an open clone.",
)
