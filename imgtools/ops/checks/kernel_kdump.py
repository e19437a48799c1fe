"""The memory of a kernel that died is not written to the disk of a server, unless somebody looks at it.

It holds keys and passwords of all programs, and takes as much room as there is memory. Where crashes are looked into,
a policy leaves this out. Source: kdump.conf(5), kdump-tools(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.service_checks import does_not_start
from imgtools.records.audit import Level

SERVICES = {
    "kdump": "writes memory to disk when the kernel dies",
    "kdump-tools": "writes memory to disk when the kernel dies",
}

CHECK = Check(
    title="Memory of a kernel that died is not kept",
    severity=Level.LOW,
    look=does_not_start(SERVICES),
    references=("STIG RHEL-09-213115", "NIST 800-53 CM-6"),
)
