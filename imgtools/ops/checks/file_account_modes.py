"""Only root writes to the lists of users and groups, and to their backups.

Whoever writes to passwd makes himself root with one line. All may read them: programs look up names there.
Source: passwd(5), group(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.mode_checks import only_root_writes
from imgtools.records.audit import Level

CHECK = Check(
    title="Only root writes to the lists of users and groups",
    severity=Level.CRITICAL,
    look=only_root_writes(
        "/etc/passwd",
        "/etc/passwd-",
        "/etc/group",
        "/etc/group-",
        "/etc/shells",
        "/etc/subuid",
        "/etc/subgid",
        "/etc/nsswitch.conf",
        what="the account files",
    ),
    references=("CIS Debian 12 7.1.1", "ANSSI R50", "NIST 800-53 AC-6"),
)
