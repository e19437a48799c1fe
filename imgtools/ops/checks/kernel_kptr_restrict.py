"""The addresses of the kernel are hidden from users.

/proc/kallsyms and its like tell where the kernel lies in memory, which makes mistakes in it easy to use. 1 hides them
from all without CAP_SYSLOG, 2 from everybody. Source: admin-guide/sysctl/kernel (kptr_restrict); the default is 0.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="The kernel hides its addresses",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("kernel.kptr_restrict", (1, 2), 0),
        text="users may read where the kernel lies in memory",
    ),
    references=("STIG RHEL-09-213025", "ANSSI R9"),
)
