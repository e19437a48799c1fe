"""The network's settings: netplan, interfaces, NetworkManager's files, names of cards by old udev rules.

A machine without its network boots, and is out of reach all the same. Which cards the machine will have, no disk says.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.network_files import NetworkTrouble, network_troubles
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, Remedy, Severity

IDS = {
    "netplan": "netplan-broken",
    "interfaces": "interfaces-broken",
    "mode": "network-file-mode",
    "card": "network-card-renamed",
}


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what keeps the network from coming up."""
    yield from (_finding(one) for one in network_troubles(examined.files))


def _finding(one: NetworkTrouble) -> Finding:
    by_hand = f"imgtools chmod 0600 {one.path}" if one.kind == "mode" else "correct it: imgtools edit"
    return Finding(
        IDS[one.kind],
        one.text if one.kind == "card" else f"{one.path}: {one.text}",
        severity=Severity.SUSPICIOUS,
        confidence=Confidence.HIGH if one.kind == "mode" else Confidence.MEDIUM,
        evidence=(Evidence(one.path, one.line, one.raw or one.text),),
        # A file that does not parse is not rewritten by anybody here: what it meant, only a person knows.
        remedy=Remedy("network-dhcp") if one.kind == "card" else None,
        advice=by_hand
        if one.kind != "card"
        else "or remove the rules: imgtools sysprep --only udev-persistent-net",
    )


STATION = Station(
    summary="The network's settings",
    place=450,
    look=look,
    families=LINUX,
    causes={
        "netplan-broken": "A file of netplan is no YAML, or says what netplan does not know: no network is configured.",
        "interfaces-broken": "A line of /etc/network/interfaces does not parse: ifup refuses the whole file.",
        "network-file-mode": "A connection of NetworkManager's may be read by others: it passes over it.",
        "network-card-renamed": "Old udev rules have given the card of a clone the next name (eth1), and only the "
        "first one (eth0) has settings.",
    },
    mended={
        "network-dhcp": ("network-card-renamed",),
    },
)
