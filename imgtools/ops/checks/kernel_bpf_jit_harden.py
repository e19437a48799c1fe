"""What BPF is compiled to is hardened against programs that hide code in their constants.

1 hardens it for users without rights, 2 for all. Where such users load no BPF programs at all, the check is not for
the guest. Source: admin-guide/sysctl/net (bpf_jit_harden); the default is 0.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is, without_user_bpf
from imgtools.records.audit import Level

CHECK = Check(
    title="Compiled BPF programs of users are hardened",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("net.core.bpf_jit_harden", (2, 1), 0),
        text="compiled BPF programs of users are not hardened",
        unless=without_user_bpf,
    ),
    references=("ANSSI R12",),
)
