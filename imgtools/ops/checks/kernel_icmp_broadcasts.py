"""Nobody makes the guest answer a ping that goes to all.

Else a forged sender is flooded with the answers of a whole network. Source: networking/ip-sysctl
(icmp_echo_ignore_broadcasts); the default is 1.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Pings to all are not answered",
    severity=Level.MEDIUM,
    look=sysctl_is(
        Wanted("net.ipv4.icmp_echo_ignore_broadcasts", (1,), 1),
        text="pings to all are answered, also to a forged sender",
    ),
    references=("CIS Debian 12 3.3.4", "NIST 800-53 SC-5"),
)
