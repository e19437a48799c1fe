"""Old versions of SSL and TLS are off, for servers and for clients.

SSL 2.0 and 3.0 are broken (RFC 6176, RFC 7568), TLS 1.0 and 1.1 retired (RFC 8996). What is on by itself: SSL 2.0 of
servers before Windows 8, SSL 3.0 before 10 1607, TLS 1.0 and, since Windows 8, 1.1 before 11 24H2; later Windows are
about to turn them off: "Protocols in TLS/SSL (Schannel SSP)" (learn.microsoft.com). Programs with a library of their
own do not ask Windows. TLS 1.0 and 1.1 are turned off where TLS 1.2 is on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import RegistrySet
from imgtools.guest.windows.release import WIN8, WIN11_24H2, WIN1607
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import CONTROL, held
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown

if TYPE_CHECKING:
    from imgtools.guest.windows.held_registry import HeldRegistry

KEY = rf"{CONTROL}\SecurityProviders\SCHANNEL\Protocols"
# Version, side, from which build on it is on by itself, and to which (0: until now), and how much it weighs.
PROTOCOLS = (
    ("SSL 2.0", "Server", 0, WIN8, Level.HIGH),
    ("SSL 2.0", "Client", 0, 1, Level.HIGH),
    ("SSL 3.0", "Server", 0, WIN1607, Level.HIGH),
    ("SSL 3.0", "Client", 0, WIN1607, Level.MEDIUM),
    ("TLS 1.0", "Server", 0, WIN11_24H2, Level.MEDIUM),
    ("TLS 1.0", "Client", 0, WIN11_24H2, Level.LOW),
    ("TLS 1.1", "Server", WIN8, WIN11_24H2, Level.MEDIUM),
    ("TLS 1.1", "Client", WIN8, WIN11_24H2, Level.LOW),
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each old version that may be spoken; its fix turns it off."""
    from imgtools.guest.windows.held_registry import short_name

    registry = held(examined)
    build = registry.release.build
    for protocol, side, first, end, severity in PROTOCOLS:
        key = rf"{KEY}\{protocol}\{side}"
        enabled, off = registry.number(key, "Enabled"), registry.number(key, "DisabledByDefault")
        is_on = bool(enabled) if enabled is not None else False if off else None
        if is_on is None and (not build or (end == WIN11_24H2 and build >= end)):
            yield NotKnown(f"whether this Windows speaks {protocol} by itself is not known")
            continue
        if is_on is None:
            is_on = first <= build < end
        if is_on:
            place = registry.registry.place(key)
            needed = protocol.startswith("TLS") and not _speaks_later(registry, side)
            turned_off = always(
                RegistrySet(place.path, place.key, "Enabled", "REG_DWORD", number=0),
                RegistrySet(place.path, place.key, "DisabledByDefault", "REG_DWORD", number=1),
            )
            yield Flaw(
                f"{protocol} is spoken ({side.lower()})",
                place.path,
                subject=short_name(key),
                evidence="on by default" if enabled is None else f"Enabled is {enabled:#x}",
                severity=severity,
                fix=None if needed else turned_off,
                advice="turn TLS 1.2 on first: without it nothing would be left" if needed else "",
            )


def _speaks_later(registry: HeldRegistry, side: str) -> bool:
    """Whether TLS 1.2 is on, as it is by itself since Windows 8."""
    key = rf"{KEY}\TLS 1.2\{side}"
    enabled, off = registry.number(key, "Enabled"), registry.number(key, "DisabledByDefault")
    return not off and (registry.release.build >= WIN8 if enabled is None else bool(enabled))


CHECK = Check(
    title="Old versions of SSL and TLS are off",
    severity=Level.MEDIUM,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 SC-8", "NIST 800-52"),
)
