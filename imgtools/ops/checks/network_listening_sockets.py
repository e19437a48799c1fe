"""systemd listens for no service on all addresses, SSH left out.

A socket unit makes a service reachable that nobody sees among the running ones. Told are enabled sockets with a port
and no address, or one that stands for all. Source: systemd.socket(5), ListenStream= and ListenDatagram=.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.health.units import UnitLine, service_lines
from imgtools.guest.services.started import Init
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import init_of, started
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

EVERYWHERE = re.compile(r"\d{1,5}|0\.0\.0\.0:\d{1,5}|\[::\]:\d{1,5}|\*:\d{1,5}")
SSH = ("ssh.socket", "sshd.socket")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the sockets that are reached from everywhere."""
    if examined.once(init_of) is not Init.SYSTEMD:
        yield NotThere("the guest has no systemd")
        return
    for name in examined.once(started):
        if not name.endswith(".socket") or name in SSH:
            continue
        listens: list[UnitLine] = []
        for line in service_lines(examined.files, name):
            if line.section == "Socket" and line.key in ("ListenStream", "ListenDatagram"):
                listens = [*listens, line] if line.value else []
        for line in listens:
            if EVERYWHERE.fullmatch(line.value):
                yield Flaw(
                    f"{name} is reached from everywhere",
                    line.path,
                    line.line,
                    subject=name,
                    evidence=f"{line.key}={line.value}",
                    advice=f"imgtools customize --service {name}:off, or a ListenStream= with an address",
                )


CHECK = Check(
    title="systemd listens for no service on all addresses",
    severity=Level.LOW,
    look=look,
    references=("ANSSI R80", "NIST 800-53 CM-7"),
)
