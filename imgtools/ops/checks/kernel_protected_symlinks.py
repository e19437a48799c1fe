"""Users make no symbolic links that others' programs fall for.

A program of root that writes to a known name in /tmp would follow a link that somebody else has put there. Source:
admin-guide/sysctl/fs (protected_symlinks): the kernel's default is 0; systemd and procps of the distributions set 1.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Users are kept from misleading others by symbolic links",
    severity=Level.MEDIUM,
    look=sysctl_is(
        Wanted("fs.protected_symlinks", (1,), 0),
        text="symbolic links of users may mislead the programs of others",
    ),
    references=("STIG RHEL-09-213035", "ANSSI R14"),
)
