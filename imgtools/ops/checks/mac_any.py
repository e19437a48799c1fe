"""Some mandatory access control is there, whatever the distribution.

Without any, who breaks into a service does all that its user may. Distributions with one of their own have a check of
their own. Source: the kernel's admin-guide/LSM.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.selinux import find_selinux
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

OWN = ("fedora", "rhel", "debian", "suse")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a guest with none of them."""
    if examined.system.os.is_family(*OWN):
        yield NotThere("the distribution has one of its own")
        return
    others = any(examined.files.is_dir(path) for path in ("/etc/tomoyo", "/etc/smack"))
    has_selinux = find_selinux(examined.files).mode in ("enforcing", "permissive")
    if not has_selinux and not others and not starts(examined, "apparmor"):
        yield Flaw(
            "the guest has no mandatory access control",
            advice="install AppArmor or SELinux, if the distribution has it",
        )


CHECK = Check(
    title="Some mandatory access control is there",
    severity=Level.LOW,
    look=look,
    references=("ANSSI R37", "NIST 800-53 AC-3"),
)
