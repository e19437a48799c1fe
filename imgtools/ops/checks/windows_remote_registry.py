"""The registry cannot be read over the network.

The service RemoteRegistry tells administrators of the network, and whoever has their password, all about the machine.
Clients have it disabled by default; servers start it when somebody asks, and programs that watch over them may
("Remote Registry", learn.microsoft.com), so nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import SERVICES, flaw, held, service
from imgtools.records.audit import Level


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the service if it may start."""
    found = service(examined, "RemoteRegistry")
    if found is not None:
        yield flaw(
            examined,
            rf"{SERVICES}\{found.name}",
            "Start",
            "the registry can be read over the network",
            evidence=found.start,
            severity=Level.LOW if held(examined).release.is_server else None,
            advice="disable the service, if nothing watches over the machine by it",
        )


CHECK = Check(
    title="The registry cannot be read over the network",
    severity=Level.MEDIUM,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 CM-7",),
)
