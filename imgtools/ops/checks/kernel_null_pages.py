"""No program has memory at the address 0.

Where one has, a kernel that follows an empty pointer runs what the program put there.
Source: admin-guide/sysctl/vm (mmap_min_addr); the default is chosen with CONFIG_DEFAULT_MMAP_MIN_ADDR, 65536 on x86.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.sysctl_checks import Wanted, built_as, sysctl_is
from imgtools.records.audit import Level

CHECK = Check(
    title="Programs have no memory at the address 0",
    severity=Level.HIGH,
    look=sysctl_is(
        Wanted("vm.mmap_min_addr", range(65536, 1 << 20), built_as("CONFIG_DEFAULT_MMAP_MIN_ADDR")),
        text="programs may have memory near the address 0",
    ),
    references=("ANSSI R9", "NIST 800-53 SI-16"),
)
