"""Packets with addresses that cannot be are logged.

They are a sign of somebody who forges addresses, or of a network that is wired wrongly. They are logged if "all" or
the interface says so. Source: networking/ip-sysctl (log_martians); the default is 0.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Packets with impossible addresses are logged",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("net.ipv4.conf.all.log_martians", (1,), 0),
        Wanted("net.ipv4.conf.default.log_martians", (1,), 0),
        text="packets with impossible addresses leave no trace",
        one_is_enough=True,
    ),
    references=("CIS Debian 12 3.3.9",),
)
