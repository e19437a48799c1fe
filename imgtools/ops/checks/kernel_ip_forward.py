"""A server that is no router does not pass packets on between its interfaces.

Else it is a way around the firewall between two networks. Containers and virtual machines on it need forwarding; then
the guest is no plain server, and a policy leaves this check out. Source: networking/ip-sysctl (ip_forward); the
default is 0.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import ROUTER, Wanted, is_router, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Packets are not passed on between interfaces",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("net.ipv4.ip_forward", (0,), 0, fixable=False, advice=ROUTER),
        Wanted("net.ipv4.conf.all.forwarding", (0,), 0, fixable=False, advice=ROUTER),
        Wanted("net.ipv6.conf.all.forwarding", (0,), 0, fixable=False, advice=ROUTER),
        text="packets are passed on between interfaces",
        unless=is_router,
    ),
    references=("CIS Debian 12 3.3.1", "ANSSI R12", "NIST 800-53 CM-7"),
)
