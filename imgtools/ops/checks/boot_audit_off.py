"""The kernel's audit is not switched off by the boot loader.

With audit=0 auditd starts and hears nothing, whatever its rules. Source: admin-guide/kernel-parameters (audit).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.cmdline_checks import without_arguments
from imgtools.records.audit import Level

CHECK = Check(
    title="The kernel's audit is not switched off",
    severity=Level.MEDIUM,
    look=without_arguments(("audit=0", "audit=off"), "the kernel reports nothing to auditd"),
    references=("NIST 800-53 AU-12",),
)
