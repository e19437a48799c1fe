"""Nobody on the network changes the guest's IPv6 routes.

As with IPv4. Each interface takes what "default" says when it appears; what "all" says counts for none of them.
Source: networking/ip-sysctl (IPv6 accept_redirects); the default is 1, and a router takes none.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, no_ipv6_host, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="ICMPv6 redirects are not followed",
    severity=Level.MEDIUM,
    look=sysctl_is(
        Wanted("net.ipv6.conf.default.accept_redirects", (0,), 1),
        text="ICMPv6 redirects of anybody on the network change the routes",
        unless=no_ipv6_host,
    ),
    references=("CIS Debian 12 3.3.5", "NIST 800-53 SC-7"),
)
