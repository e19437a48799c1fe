"""Files of users do not say which machines are trusted.

With IgnoreRhosts no, a .rhosts or .shosts in a home lets others in without a password where hosts are trusted at all.
The default is yes. Source: sshd_config(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import always_better, one_of, setting
from imgtools.records.audit import Level

CHECK = Check(
    title="The SSH server does not look at .rhosts",
    severity=Level.LOW,
    look=setting(
        "IgnoreRhosts",
        one_of(("no", "shosts-only"), "files in homes may say which machines are trusted"),
        always_better("yes"),
    ),
    references=("CIS Debian 12 5.1.11", "NIST 800-53 AC-17"),
)
