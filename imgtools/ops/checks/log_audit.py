"""auditd is there and started.

It writes down who did what with which file, as the kernel saw it, which no other log does; many rules for servers
want it. Source: auditd(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.services.started import Init
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import init_of, is_installed, starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a guest without auditd, or with one that is not started."""
    if examined.once(init_of) is Init.UNKNOWN:
        yield NotThere("the guest has no init")
    elif not is_installed(examined.files, "auditd"):
        yield Flaw("auditd is not installed", advice="install audit (Red Hat, SUSE) or auditd (Debian)")
    elif not starts(examined, "auditd"):
        yield Flaw(
            "auditd is installed, and not started",
            subject="auditd",
            severity=Level.MEDIUM,
            advice="imgtools customize --service auditd:on",
        )


CHECK = Check(
    title="auditd is started",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 6.2.1.1", "ANSSI R73", "NIST 800-53 AU-12"),
)
