"""Users without rights do not watch the kernel and the processor by perf events.

The interface is large, has had mistakes, and measures what others do. Source: admin-guide/sysctl/kernel
(perf_event_paranoid); the default is 2, with Debian's CONFIG_SECURITY_PERF_EVENTS_RESTRICT 3.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, since, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Users do not watch the kernel by perf events",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("kernel.perf_event_paranoid", (2, 3, 4), since((4, 6), 2, 1)),
        text="users may watch the kernel by perf events",
    ),
    references=("STIG RHEL-09-213015", "ANSSI R9"),
)
