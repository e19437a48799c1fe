"""A program against malware is on: Microsoft Defender, if there is no other.

Policies and settings that turn it off are among the first things that attackers set (MITRE ATT&CK T1562.001). Where
another program is known to be there, Defender steps aside by itself; where Windows has none (servers before 2016),
what looks for malware is not known here. Sources: DisableAntiSpyware and its neighbours, "Microsoft Defender
Antivirus policies" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import SERVICES, Setting, flaw, held, is_number, judged, services
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each value that turns Defender off, and its service if it is disabled."""
    from imgtools.guest.windows.security import DEFENDER, DEFENDER_POLICY, OFF

    if other := _other(examined):
        yield NotThere(f"another program looks for malware: {other}")
        return
    own = next((one for one in services(examined) if one.name.lower() == "windefend"), None)
    if own is None:
        yield NotKnown("Microsoft Defender is not there, and no other program against malware is known to be")
        return
    if own.start == "disabled":
        text, advice = "the service of Microsoft Defender is disabled", "let it start (2)"
        yield flaw(examined, rf"{SERVICES}\{own.name}", "Start", text, evidence="4", advice=advice)
    for place in (DEFENDER_POLICY, DEFENDER):
        for name in OFF:
            yield from judged(examined, _off(place, name, "Microsoft Defender is off"))
        yield from judged(
            examined,
            _off(
                rf"{place}\Real-Time Protection",
                "DisableRealtimeMonitoring",
                "Microsoft Defender does not watch",
            ),
        )


def _off(key: str, name: str, text: str) -> Setting:
    return Setting(key, name, is_number(0), text, default=0, to=0)


def _other(examined: Examined) -> str:
    from imgtools.guest.windows.facts import RegistryFacts
    from imgtools.guest.windows.profiles import read_applications
    from imgtools.guest.windows.security import read_antivirus

    facts = RegistryFacts(held(examined).registry)
    programs = read_applications(facts, examined.system.os.arch)
    found = read_antivirus(facts, services(examined), programs)
    return next((one.name for one in found if one.source != "defender" and one.enabled is not False), "")


CHECK = Check(
    title="A program against malware is on",
    severity=Level.HIGH,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 SI-3",),
)
