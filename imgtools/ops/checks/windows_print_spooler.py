"""A server that prints nothing has no print spooler.

It has been a way in over and over (PrintNightmare, CVE-2021-34527), and any user of a domain can have it log on to
another machine with the server's own name. Microsoft's advice is to disable it on domain controllers and on servers
that do not print ("Security assessment: Domain controllers with Print spooler service available").
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import SERVICES, flaw, held, service
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the service of a server if it may start."""
    if not held(examined).release.is_server:
        yield NotThere("for servers")
        return
    found = service(examined, "Spooler")
    if found is not None:
        yield flaw(
            examined,
            rf"{SERVICES}\{found.name}",
            "Start",
            "the print spooler of a server may start",
            evidence=found.start,
            advice="disable the service, if the server prints nothing",
        )


CHECK = Check(
    title="A server has no print spooler",
    severity=Level.LOW,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 CM-7",),
)
