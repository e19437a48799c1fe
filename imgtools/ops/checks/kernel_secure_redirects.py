"""Not even the guest's gateways change its routes by ICMP.

Their address is easily forged on the same network. Not for a guest that follows no redirects at all.
Source: networking/ip-sysctl (secure_redirects); the default is 1.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is, without_redirects
from imgtools.records.audit import Level

CHECK = Check(
    title="ICMP redirects of gateways are not followed",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("net.ipv4.conf.all.secure_redirects", (0,), 1),
        Wanted("net.ipv4.conf.default.secure_redirects", (0,), 1),
        text="ICMP redirects in the name of a gateway change the routes",
        unless=without_redirects,
    ),
    references=("CIS Debian 12 3.3.6", "ANSSI R12"),
)
