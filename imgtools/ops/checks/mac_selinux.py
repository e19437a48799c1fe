"""SELinux is enforcing, where the distribution is made for it.

A service that is broken into then does only what its rules let it. In permissive mode it does all, and is only
reported. Turning it on has files labelled at the next boot; a person decides. Source: selinux(8),
/etc/selinux/config.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.selinux import CONFIG, find_selinux
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a guest whose SELinux is off, or only warns."""
    files = examined.files
    found = find_selinux(files)
    if not found.mode and not examined.system.os.is_family("fedora", "rhel"):
        yield NotThere("the guest is not made for SELinux")
    elif not found.mode:
        yield Flaw("SELinux is not configured", CONFIG, advice="install a policy, and set SELINUX=enforcing")
    elif found.mode == "permissive":
        yield Flaw(
            "SELinux only warns",
            CONFIG,
            evidence="SELINUX=permissive",
            advice="set SELINUX=enforcing when nothing is reported any more",
        )
    elif found.mode != "enforcing":
        yield Flaw(
            "SELinux is off",
            CONFIG,
            evidence=f"SELINUX={found.mode}"[:100],
            advice="set SELINUX=permissive, boot, then enforcing",
        )


CHECK = Check(
    title="SELinux is enforcing",
    severity=Level.MEDIUM,
    look=look,
    references=("STIG RHEL-09-431010", "ANSSI R46", "NIST 800-53 AC-3"),
)
