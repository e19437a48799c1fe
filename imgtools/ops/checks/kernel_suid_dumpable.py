"""Programs that run with other rights than their user's leave no memory dump for him.

Such a dump holds what only the program may read: hashes, keys. 0 makes none; 2 makes one that only root reads, which
is what systemd-coredump wants. Source: admin-guide/sysctl/fs (suid_dumpable); the default is 0.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Set-user-ID programs leave no memory dumps for users",
    severity=Level.MEDIUM,
    look=sysctl_is(
        Wanted("fs.suid_dumpable", (0, 2), 0),
        text="set-user-ID programs leave memory dumps that users may read",
    ),
    references=("CIS Debian 12 1.5.3", "ANSSI R14", "NIST 800-53 SC-4"),
)
