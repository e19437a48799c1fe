"""No other kernel is started by a running one, past the boot loader and its password.

Whoever is root could start a kernel that nobody signed. Not for a guest with kdump, which needs it.
Source: admin-guide/sysctl/kernel (kexec_load_disabled); the default is 0.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is, with_kdump
from imgtools.records.audit import Level

CHECK = Check(
    title="A running kernel does not start another one",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("kernel.kexec_load_disabled", (1,), 0),
        text="a running kernel may start another one, which nobody has to have signed",
        unless=with_kdump,
    ),
    references=("STIG RHEL-09-213020", "ANSSI R9"),
)
