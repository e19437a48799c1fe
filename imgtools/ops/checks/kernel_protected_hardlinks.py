"""Users make no hard links that others' programs fall for.

A hard link to a set-user-ID program keeps its old version alive; one to a file of others makes root's programs change
it. Source: admin-guide/sysctl/fs (protected_hardlinks): the kernel's default is 0; systemd and procps of the
distributions set 1.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Users are kept from misleading others by hard links",
    severity=Level.MEDIUM,
    look=sysctl_is(
        Wanted("fs.protected_hardlinks", (1,), 0),
        text="hard links of users may mislead the programs of others",
    ),
    references=("STIG RHEL-09-213030", "ANSSI R14"),
)
