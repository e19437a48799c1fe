"""Answers to broadcasts, which routers must not send, do not fill the log.

RFC 1122 forbids them; a warning for each is a way to fill a disk. Source: networking/ip-sysctl
(icmp_ignore_bogus_error_responses); the default is 1.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Forbidden ICMP answers do not fill the log",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("net.ipv4.icmp_ignore_bogus_error_responses", (1,), 1),
        text="forbidden ICMP answers fill the log",
    ),
    references=("CIS Debian 12 3.3.3", "ANSSI R12"),
)
