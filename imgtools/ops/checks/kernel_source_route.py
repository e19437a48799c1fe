"""The sender of a packet does not choose its way.

So he would reach hosts that only the guest reaches, or hide where he is. Packets are taken if "all" and the interface
say so. Source: networking/ip-sysctl (accept_source_route); the default of "all" is 0.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Packets with a way of their own are not taken",
    severity=Level.MEDIUM,
    look=sysctl_is(
        Wanted("net.ipv4.conf.all.accept_source_route", (0,), 0),
        Wanted("net.ipv4.conf.default.accept_source_route", (0,), 1),
        text="packets are taken whose sender chose their way",
        one_is_enough=True,
    ),
    references=("CIS Debian 12 3.3.8", "ANSSI R12"),
)
