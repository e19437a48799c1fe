"""Users without rights do not handle the kernel's own page faults.

It lets an attacker stop the kernel at a point of his choice, which many mistakes of the kernel need to be of use.
Source: admin-guide/sysctl/vm (unprivileged_userfaultfd); the default is 0 since Linux 5.11.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, since, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Users do not handle page faults of the kernel",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("vm.unprivileged_userfaultfd", (0,), since((5, 11), 0, 1)),
        text="users without rights may handle page faults of the kernel",
    ),
    references=("NIST 800-53 CM-7",),
)
