"""Only root writes to what says who may log in: PAM's files, login.defs, securetty, limits.

One line of pam_permit.so lets everybody in. Source: pam.d(5), login.defs(5), limits.conf(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.mode_checks import only_root_writes
from imgtools.records.audit import Level
from imgtools.records.files import FileKind

CHECK = Check(
    title="Only root writes to the rules of logging in",
    severity=Level.CRITICAL,
    look=only_root_writes(
        "/etc/pam.conf",
        "/etc/pam.d",
        "/etc/pam.d/*",
        "/etc/login.defs",
        "/etc/securetty",
        "/etc/security/*.conf",
        "/etc/security/limits.d/*",
        what="the rules of logging in",
        kinds=(FileKind.FILE, FileKind.DIRECTORY),
    ),
    references=("ANSSI R50", "NIST 800-53 AC-6"),
)
