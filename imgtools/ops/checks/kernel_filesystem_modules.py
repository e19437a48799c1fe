"""Filesystems that nobody uses cannot be loaded.

Each is code of the kernel that believes what a disk says, and a USB stick or an image in a loop device makes it run.
Those that the guest's fstab names are left out, and so are FAT and squashfs, which the ESP and snap need. Source:
modprobe.d(5); the kernel's fs/ for what they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.module_checks import Modules, modules_are_blocked
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params(Modules):
    """``names`` are the modules that should not be loaded."""

    names: tuple[str, ...] = ("cramfs", "freevxfs", "hfs", "hfsplus", "jffs2", "udf")


CHECK = Check(
    title="Filesystems that are not used cannot be loaded",
    severity=Level.LOW,
    look=modules_are_blocked("filesystem"),
    params=Params,
    references=("CIS Debian 12 1.1.1", "ANSSI R10", "NIST 800-53 CM-7"),
)
