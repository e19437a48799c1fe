"""The kernel that is started is the newest that is installed.

After an update of the kernel the old one runs on until the next boot; where the menu's default is an older one, it is
started again and again, without what was mended. Whether the guest needs a boot only the running guest knows. Source:
the boot menu and /boot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.boot.kernels import version_key
from imgtools.ops.boot_facts import boot_of
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere

# What tells kinds of kernels from each other; a newer one of another kind is nobody's update.
KINDS = re.compile(
    r"(debug|rt|cloud|generic|lowlatency|virt|lts|zen|hardened|kvm|aws|azure|gcp|oracle|default|preempt|64k|uek|"
    r"amd64|686|pae|arm64|x86_64|aarch64|rescue)",
    re.IGNORECASE,
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a default that is older than what is installed of its kind."""
    kernels = [one for one in examined.once(boot_of).kernels if one.version]
    default = next((one for one in kernels if one.default), None)
    if not kernels:
        yield NotThere("the guest has no kernel")
    elif default is None:
        yield NotKnown("the boot menu does not say which kernel is the default")
    else:
        kind = set(KINDS.findall(default.version))
        others = [one for one in kernels if set(KINDS.findall(one.version)) == kind]
        newest = max(others, key=lambda one: version_key(one.version))
        if version_key(newest.version) > version_key(default.version):
            yield Flaw(
                "an older kernel is started than the newest that is installed",
                default.vmlinuz,
                evidence=f"{default.version}, and {newest.version} is installed",
                advice="make the newest the default: grub-set-default, grubby --set-default",
            )


CHECK = Check(
    title="The newest kernel that is installed is started",
    severity=Level.MEDIUM,
    look=look,
    references=("NIST 800-53 SI-2",),
)
