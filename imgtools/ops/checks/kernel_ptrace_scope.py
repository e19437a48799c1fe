"""A program cannot look into every other program of the same user.

Else one broken program (a browser) reads the keys that another one (an agent of SSH) holds in its memory. 1 lets
parents look into their children, 2 root alone, 3 nobody. Source: admin-guide/LSM/Yama; the default is 1, Debian's
kernels have 0 (debian/yama-disable-by-default.patch), and without CONFIG_SECURITY_YAMA nothing is restricted.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is, yama_default
from imgtools.records.audit import Level

CHECK = Check(
    title="Programs cannot look into others of the same user",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("kernel.yama.ptrace_scope", (1, 2, 3), yama_default),
        text="every program may read the memory of the others of its user",
    ),
    references=("CIS Debian 12 1.5.2", "STIG RHEL-09-213080", "ANSSI R11"),
)
