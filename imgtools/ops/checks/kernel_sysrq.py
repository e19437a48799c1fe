"""The magic key of the keyboard cannot end programs or dump memory.

Whoever sits at the console, also one over the network, needs no password for it. Let be are sync, remount and reboot,
and what Debian (438) and Ubuntu (176) let be; not: ending all programs (64) and dumping their registers and memory
(8). Source: admin-guide/sysrq; the default is chosen with CONFIG_MAGIC_SYSRQ_DEFAULT_ENABLE.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import HARMLESS_KEYS, Wanted, built_as, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="The magic key of the console ends no programs",
    severity=Level.LOW,
    look=sysctl_is(
        Wanted("kernel.sysrq", HARMLESS_KEYS, built_as("CONFIG_MAGIC_SYSRQ_DEFAULT_ENABLE")),
        text="the magic key of the console may end programs or dump their memory",
    ),
    references=("ANSSI R9",),
)
