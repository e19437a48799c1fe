"""Users without rights load no BPF programs into the kernel.

The verifier of BPF has had mistakes again and again that gave such users all rights. 2 turns it off and may be turned
back, 1 until the next boot. Source: admin-guide/sysctl/kernel (unprivileged_bpf_disabled); the default is chosen with
CONFIG_BPF_UNPRIV_DEFAULT_OFF.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, built_with, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Users without rights load no BPF programs",
    severity=Level.MEDIUM,
    look=sysctl_is(
        Wanted("kernel.unprivileged_bpf_disabled", (1, 2), built_with("CONFIG_BPF_UNPRIV_DEFAULT_OFF", 2, 0)),
        text="users without rights may load BPF programs into the kernel",
    ),
    references=("STIG RHEL-09-213075", "ANSSI R9"),
)
