"""The administrator's own services for the network do not run as root without any limit.

Whoever breaks into one is root. A user of its own (User=, DynamicUser=) or fewer capabilities
(CapabilityBoundingSet=) keep it to what it needs. Told are units in /etc/systemd/system that wait for the network;
those of packages are the distribution's business. Source: systemd.exec(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.units import service_lines
from imgtools.guest.services.commands import read_service
from imgtools.guest.services.started import ADMIN_UNITS, Init
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import init_of, started
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

NETWORK = ("network.target", "network-online.target")
LIMITS = (
    "CapabilityBoundingSet",
    "ProtectSystem",
    "PrivateUsers",
    "RootDirectory",
    "RootImage",
    "SystemCallFilter",
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the services of the administrator that wait for the network and run as root."""
    files = examined.files
    if examined.once(init_of) is not Init.SYSTEMD:
        yield NotThere("the guest has no systemd")
        return
    for name, path in examined.once(started).items():
        if (
            not path.startswith(f"{ADMIN_UNITS}/")
            or "." in name
            or not files.resolve(path).startswith(ADMIN_UNITS)
        ):
            continue
        service = read_service(files, f"{name}.service")
        waits = " ".join(one.value for one in service_lines(files, f"{name}.service") if one.key == "After")
        is_long = service.values.get("Type", "simple") != "oneshot"
        is_free = service.user in ("root", "0") and not any(service.values.get(key) for key in LIMITS)
        if service.commands and is_long and is_free and any(word in waits.split() for word in NETWORK):
            yield Flaw(
                f"{name} runs as root, without any limit, and waits for the network",
                path,
                subject=name,
                evidence=service.commands[0].program,
                advice="give it User= or DynamicUser=yes, or at least a CapabilityBoundingSet=",
            )


CHECK = Check(
    title="Own services for the network do not run as root without limits",
    severity=Level.LOW,
    look=look,
    references=("ANSSI R62", "NIST 800-53 AC-6"),
)
