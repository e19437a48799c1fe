"""The files with the hashes of passwords belong to root, who alone writes to them.

Whoever writes there sets the password of anybody. Who may read them is another check. Source: shadow(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.mode_checks import only_root_writes
from imgtools.records.audit import Level

CHECK = Check(
    title="Only root writes to the hashes of passwords",
    severity=Level.CRITICAL,
    look=only_root_writes(
        "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", what="the shadow files"
    ),
    references=("CIS Debian 12 7.1.5", "ANSSI R50", "NIST 800-53 IA-5"),
)
