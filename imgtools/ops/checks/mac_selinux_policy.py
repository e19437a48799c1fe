"""The policy that SELinux is to enforce is there.

Without it systemd stops the boot, or the guest runs without any rules. ``minimum`` confines a few services only.
Source: selinux_config(5) (SELINUXTYPE).
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
    """Yield a policy that is not there, or a small one."""
    found = find_selinux(examined.files)
    if found.mode not in ("enforcing", "permissive"):
        yield NotThere("SELinux is not on")
    elif not found.has_policy:
        said = f"SELINUXTYPE={found.policy}"
        yield Flaw(
            "the policy of SELinux is not there",
            CONFIG,
            evidence=said,
            advice="install selinux-policy-targeted, or its kin",
        )
    elif found.policy == "minimum":
        yield Flaw(
            "SELinux confines only a few services", CONFIG, evidence="SELINUXTYPE=minimum", severity=Level.LOW
        )


CHECK = Check(
    title="The policy of SELinux is there",
    severity=Level.HIGH,
    look=look,
    references=("STIG RHEL-09-431015", "ANSSI R46"),
)
