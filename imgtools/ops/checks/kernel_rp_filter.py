"""Packets are dropped whose answer would not go back the way they came.

So nobody forges addresses of other networks. The larger of "all" and the interface's value counts; 1 is strict, 2
lets be what comes in by any interface that has a way back (RFC 3704). Source: networking/ip-sysctl (rp_filter); the
default is 0, systemd sets 2. A fix sets 2, which cuts off nobody with several networks.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Packets with forged addresses are dropped",
    severity=Level.MEDIUM,
    look=sysctl_is(
        Wanted("net.ipv4.conf.all.rp_filter", (2, 1), 0),
        Wanted("net.ipv4.conf.default.rp_filter", (2, 1), 0),
        text="packets with forged addresses of other networks are taken",
        one_is_enough=True,
    ),
    references=("CIS Debian 12 3.3.7", "ANSSI R12"),
)
