"""Programs that mean to make a file in a sticky folder do not open named pipes that others have put there.

Whoever is first with a known name in /tmp would read what a program of root writes. 1 is for folders that everybody
may write to, 2 also for those of a group. Source: admin-guide/sysctl/fs (protected_fifos): the default is 0; systemd
sets it.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Programs do not open others' named pipes in sticky folders by mistake",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("fs.protected_fifos", (1, 2), 0),
        text="programs may open others' named pipes in /tmp in place of their own",
    ),
    references=("ANSSI R14",),
)
