"""No interface speaks NetBIOS over TCP/IP.

Names are asked of all machines nearby by it, and whoever answers first is taken for the server (as with LLMNR).
NetbiosOptions 2 is off, 0 (the default) what the DHCP server says: "Enable or disable NetBIOS over TCP/IP"
(learn.microsoft.com). Old shares and scanners need it, so nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import SERVICES, Setting, held, judged, service
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

KEY = rf"{SERVICES}\NetBT\Parameters\Interfaces"
MOST = 100  # interfaces


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each interface that may speak it."""
    names = held(examined).subkeys(KEY)[:MOST]
    if service(examined, "NetBT") is None or not names:
        yield NotThere("no interface has NetBIOS")
        return
    for name in names:
        setting = Setting(
            rf"{KEY}\{name}",
            "NetbiosOptions",
            lambda found: found == 2,
            "an interface may speak NetBIOS",
            default=0,
            advice="set it to 2, if no old share or scanner needs it",
        )
        yield from judged(examined, setting)


CHECK = Check(
    title="No interface speaks NetBIOS",
    severity=Level.LOW,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 CM-7",),
)
