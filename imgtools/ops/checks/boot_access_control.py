"""The boot loader does not switch off SELinux or AppArmor.

What is in force in their configuration counts for nothing then. Without the argument SELinux needs labels that are
whole: after a time without it, a guest has to label itself anew. Source: admin-guide/kernel-parameters (selinux,
apparmor, security).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.cmdline_checks import without_arguments
from imgtools.records.audit import Level

OFF = ("selinux=0", "enforcing=0", "apparmor=0", "security=none", "lsm=")


CHECK = Check(
    title="Access control is not switched off by the boot loader",
    severity=Level.MEDIUM,
    look=without_arguments(OFF, "mandatory access control is off or only warns", mend=False),
    references=("CIS Debian 12 1.3.1.2", "NIST 800-53 AC-3"),
)
