"""Users do not make the kernel load drivers for old serial protocols.

Each is old code that runs on what a user sends it, and several had mistakes that gave all rights.
Source: admin-guide/sysctl/dev (tty.ldisc_autoload); the default is chosen with CONFIG_LDISC_AUTOLOAD.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, built_with, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Users do not load serial protocols into the kernel",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("dev.tty.ldisc_autoload", (0,), built_with("CONFIG_LDISC_AUTOLOAD", 1, 0)),
        text="users may load serial protocols into the kernel",
    ),
    references=("ANSSI R9",),
)
