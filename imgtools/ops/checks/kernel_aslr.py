"""The kernel puts the stack, the heap and the libraries of every program at other addresses each time.

An attacker who knows the addresses needs one mistake in a program to run what he likes; at 2 the heap moves, too.
Source: admin-guide/sysctl/kernel (randomize_va_space), whose default is 2: no distribution sets CONFIG_COMPAT_BRK.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Addresses of programs are chosen at random",
    severity=Level.HIGH,
    look=sysctl_is(
        Wanted("kernel.randomize_va_space", (2,), 2),
        text="programs lie at addresses that can be foreseen",
    ),
    references=("CIS Debian 12 1.5.1", "STIG RHEL-09-213070", "ANSSI R9", "NIST 800-53 SI-16"),
)
