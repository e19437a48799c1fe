"""A server that is no router does not tell others to send their packets another way.

The message is a router's; from a server it misleads. The kernel sends it if "all" or the interface says so.
Source: networking/ip-sysctl (send_redirects); the default is 1. Not for a guest that forwards packets.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, is_router, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="No ICMP redirects are sent",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("net.ipv4.conf.all.send_redirects", (0,), 1),
        Wanted("net.ipv4.conf.default.send_redirects", (0,), 1),
        text="ICMP redirects are sent, as by a router",
        unless=is_router,
    ),
    references=("CIS Debian 12 3.3.2", "ANSSI R12"),
)
