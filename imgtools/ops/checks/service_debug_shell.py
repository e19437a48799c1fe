"""No shell of root waits at a console without a password.

systemd's debug-shell.service gives one on the ninth console from early in the boot on; it is meant for an hour of
looking for a fault. Source: systemd-debug-generator(8), systemd.special(7).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.services.started import Init
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import init_of, masking, started
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

UNIT = "debug-shell"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a debug shell that is started."""
    if examined.once(init_of) is not Init.SYSTEMD:
        yield NotThere("the guest has no systemd")
        return
    there = examined.once(started)
    if UNIT in there:
        text = "a shell of root without a password waits at the ninth console"
        yield Flaw(text, there[UNIT], subject=UNIT, fix=masking(examined.files, f"{UNIT}.service"))


CHECK = Check(
    title="No shell of root waits at a console without a password",
    severity=Level.CRITICAL,
    look=look,
    references=("STIG RHEL-09-211055", "NIST 800-53 AC-3"),
)
