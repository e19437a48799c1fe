"""The kernel works round the mistakes of processors that let programs read each other's memory.

Switched off, a program without rights may read the kernel's memory (Spectre, Meltdown, MDS and their kin), and on a
host its guests'. Source: admin-guide/kernel-parameters (mitigations=) and admin-guide/hw-vuln.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.cmdline_checks import without_arguments
from imgtools.records.audit import Level

# mitigations=off is short for the others.
OFF = (
    "mitigations=off",
    "nopti",
    "pti=off",
    "nospectre_v1",
    "nospectre_v2",
    "nospectre_bhb",
    "spectre_v2=off",
    "spectre_v2_user=off",
    "spectre_bhi=off",
    "spec_store_bypass_disable=off",
    "nospec_store_bypass_disable",
    "l1tf=off",
    "mds=off",
    "tsx_async_abort=off",
    "mmio_stale_data=off",
    "retbleed=off",
    "srbds=off",
    "spec_rstack_overflow=off",
    "gather_data_sampling=off",
    "reg_file_data_sampling=off",
    "kvm.nx_huge_pages=off",
)


CHECK = Check(
    title="The kernel works round the mistakes of processors",
    severity=Level.MEDIUM,
    look=without_arguments(OFF, "a protection against mistakes of processors is off"),
    references=("ANSSI R8", "NIST 800-53 SI-16"),
)
