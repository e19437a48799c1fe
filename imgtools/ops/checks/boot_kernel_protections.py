"""The kernel protects its own memory, and lies at another address at each boot.

What these arguments switch off makes a mistake of the kernel easy to use: address randomisation, the ban on running
or reading the memory of programs (SMEP, SMAP, NX), read-only kernel code. Source: admin-guide/kernel-parameters.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.cmdline_checks import without_arguments
from imgtools.records.audit import Level

OFF = (
    "nokaslr",
    "norandmaps",
    "nosmep",
    "nosmap",
    "noexec=off",
    "noexec32=off",
    "rodata=off",
    "hardened_usercopy=off",
    "iommu=off",
    "intel_iommu=off",
    "amd_iommu=off",
    "vsyscall=native",
    "nocet",
    "randomize_kstack_offset=off",
    "randomize_kstack_offset=0",
)


CHECK = Check(
    title="The kernel's protections of its own memory are on",
    severity=Level.MEDIUM,
    look=without_arguments(OFF, "a protection of the kernel is off"),
    references=("ANSSI R8", "NIST 800-53 SI-16"),
)
