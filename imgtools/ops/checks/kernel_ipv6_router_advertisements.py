"""A server with fixed addresses takes no routes from whoever calls itself a router.

Anybody on the network can. A guest that has its IPv6 address from there needs it, so there is no fix: a person knows.
Source: networking/ip-sysctl (accept_ra); the default is 1 for hosts, 0 for routers.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import FIXED_ADDRESSES, Wanted, no_ipv6_host, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Routes are not taken from router advertisements",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("net.ipv6.conf.default.accept_ra", (0,), 1, fixable=False, advice=FIXED_ADDRESSES),
        text="whoever calls itself a router on the network changes the IPv6 routes",
        unless=no_ipv6_host,
    ),
    references=("CIS Debian 12 3.3.11",),
)
