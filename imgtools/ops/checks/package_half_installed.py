"""No package is installed by halves.

What was stopped in the middle has files of two versions, and the package manager installs no updates until somebody
mends it. imgtools repair does. Source: dpkg(1), "PACKAGE STATES"; pacman(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.packages import damaged_rpm, half_dpkg, half_others, lost_dpkg_status
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

ADVICE = "imgtools diagnose says more; dpkg --configure -a, or its kin, in the running guest"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield packages in the middle of being installed, and databases that are damaged."""
    files = examined.files
    for one in (*half_dpkg(files), *half_others(files)):
        name = one.text.partition(":")[0] if ":" in one.text else ""
        yield Flaw(f"stopped in the middle: {one.text}", one.path, one.line, subject=name, advice=ADVICE)
    if lost_dpkg_status(files):
        yield Flaw(
            "dpkg has forgotten what is installed", "/var/lib/dpkg/status", severity=Level.HIGH, advice=ADVICE
        )
    if (damaged := damaged_rpm(files)) is not None:
        yield Flaw(
            f"rpm's database is damaged: {damaged.text}", damaged.path, severity=Level.HIGH, advice=ADVICE
        )


CHECK = Check(
    title="No package is installed by halves",
    severity=Level.MEDIUM,
    look=look,
    references=("NIST 800-53 SI-2",),
)
