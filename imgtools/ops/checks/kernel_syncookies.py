"""A flood of half-open connections does not keep others out.

With cookies the kernel keeps nothing of a connection before it is there. Source: networking/ip-sysctl
(tcp_syncookies); the default is 1.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Floods of half-open connections do no harm",
    severity=Level.MEDIUM,
    look=sysctl_is(
        Wanted("net.ipv4.tcp_syncookies", (1, 2), 1),
        text="a flood of half-open connections keeps others out",
    ),
    references=("CIS Debian 12 3.3.10", "ANSSI R12", "NIST 800-53 SC-5"),
)
