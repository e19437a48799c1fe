"""AppArmor is there and started, where the distribution is made for it.

A service that is broken into then reaches only the files that its profile names. It needs the parser, profiles and
the service that loads them at boot; a guest with SELinux has no need of it. Source: apparmor(7), apparmor_parser(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.selinux import find_selinux
from imgtools.guest.services.started import is_masked
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams, like
from imgtools.ops.service_checks import starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

PARSERS = ("/sbin/apparmor_parser", "/usr/sbin/apparmor_parser", "/usr/bin/apparmor_parser")
PROFILES = "/etc/apparmor.d"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield what is missing of AppArmor."""
    files = examined.files
    if find_selinux(files).labels_files:
        yield NotThere("the guest has SELinux")
    elif not any(files.is_file(path) for path in PARSERS):
        yield Flaw(
            "AppArmor is not installed", severity=Level.LOW, advice="install apparmor and its profiles"
        )
    elif not any(files.is_file(path) for path in files.glob(f"{PROFILES}/*")):
        yield Flaw("AppArmor has no profiles", PROFILES, advice="install apparmor-profiles")
    elif not starts(examined, "apparmor"):
        masked = "it is masked" if is_masked(files, "apparmor.service") else ""
        text = "AppArmor is installed, and not started"
        yield Flaw(
            text, subject="apparmor", evidence=masked, advice="imgtools customize --service apparmor:on"
        )


CHECK = Check(
    title="AppArmor is started",
    severity=Level.MEDIUM,
    look=look,
    families=like("debian", "suse"),
    references=("CIS Debian 12 1.3.1.1", "ANSSI R45", "NIST 800-53 AC-3"),
)
