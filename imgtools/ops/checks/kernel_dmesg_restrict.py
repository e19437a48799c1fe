"""Only the administrator reads the messages of the kernel.

They tell addresses, devices and what programs crashed: all of use to somebody who looks for a way up.
Source: admin-guide/sysctl/kernel (dmesg_restrict); the default is chosen with CONFIG_SECURITY_DMESG_RESTRICT.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, built_with, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Only root reads the messages of the kernel",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("kernel.dmesg_restrict", (1,), built_with("CONFIG_SECURITY_DMESG_RESTRICT", 1, 0)),
        text="every user may read the messages of the kernel",
    ),
    references=("STIG RHEL-09-213010", "ANSSI R9"),
)
