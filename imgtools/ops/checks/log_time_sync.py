"""The guest's clock is kept right, by one service.

With a wrong clock logs of several machines do not fit together, certificates and tickets do not hold. Two services
pull it to and fro. A container or a guest whose hypervisor sets its clock may do without. Source: chrony.conf(5),
timesyncd.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.services.started import Init
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import init_of
from imgtools.ops.station import Examined
from imgtools.ops.time_facts import clock_services
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a guest whose clock nobody keeps, or two."""
    if examined.once(init_of) is Init.UNKNOWN:
        yield NotThere("the guest has no init")
        return
    there = examined.once(clock_services)
    if not there:
        yield Flaw("nothing keeps the clock right", advice="enable systemd-timesyncd, or install chrony")
    elif len(there) > 1:
        yield Flaw(
            f"{' and '.join(there)} pull the clock to and fro", subject=" ".join(there), severity=Level.LOW
        )


CHECK = Check(
    title="One service keeps the clock right",
    severity=Level.MEDIUM,
    look=look,
    references=("CIS Debian 12 2.3.1.1", "NIST 800-53 AU-8"),
)
