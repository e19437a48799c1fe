"""Nobody on the network changes the guest's routes.

An ICMP redirect makes it send its packets by way of whoever sent the redirect. A host takes them if "all" or the
interface says so. Source: networking/ip-sysctl (accept_redirects); the default is 1. A router takes none where "all"
says 0.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="ICMP redirects are not followed",
    severity=Level.MEDIUM,
    look=sysctl_is(
        Wanted("net.ipv4.conf.all.accept_redirects", (0,), 1),
        Wanted("net.ipv4.conf.default.accept_redirects", (0,), 1),
        text="ICMP redirects of anybody on the network change the routes",
    ),
    references=("CIS Debian 12 3.3.5", "ANSSI R12", "NIST 800-53 SC-7"),
)
