"""Replace static addresses by DHCP, whichever program configures the network.

Those are ifcfg files, ``/etc/network/interfaces``, netplan, systemd-networkd, netctl and dhcpcd; the connections of
NetworkManager go as a whole (net-nmconn).

Two clones with one address disturb each other and the original. Give a clone its own address when it is made
(``imgtools clone --network``, ``imgtools customize --network``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.guest.guest import Guest
from imgtools.guest.network import netplan
from imgtools.guest.network.program import IFCFG
from imgtools.ops.operation import LINUX, NoParams, Operation

# What the guide for preparing clones by hand takes out of every ifcfg file; a suffix numbers them (SUSE: _NAME).
UNIQUE = LineEdit(r"^\s*(IPADDR|NETMASK|PREFIX|NETWORK|BROADCAST|USERCTL|IPV6ADDR|ADDRESS)\d*(_\w+)?=")
# And what belongs to a static address.
ROUTED = LineEdit(r"^\s*(GATEWAY|IPV6_DEFAULTGW|IPV6ADDR_SECONDARIES)\d*(_\w+)?=")
BY_DHCP = LineEdit(r"^(\s*BOOTPROTO=).*(static|none).*$", r"\1dhcp")
LIMIT = 1 << 20  # bytes of one configuration file
INTERFACES = "/etc/network/interfaces"
INTERFACES_EDITS = (
    LineEdit(r"^\s+(address|netmask|network|broadcast|gateway|hwaddress|pointopoint)\s.*$"),
    LineEdit(r"^(\s*iface\s+(?!lo\b)\S+\s+inet)\s+static\b", r"\1 dhcp"),
    LineEdit(r"^(\s*iface\s+(?!lo\b)\S+\s+inet6)\s+static\b", r"\1 auto"),
)


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the edits of every file that holds a static address; loopback is left alone."""
    for path in sorted({match for pattern in IFCFG for match in guest.files.glob(pattern)}):
        if path.rpartition("/")[2] != "ifcfg-lo" and guest.files.is_file(path):
            yield EditLines(guest.files.resolve(path), _ifcfg_edits(path, guest.files.read_text(path)))
    for path in (INTERFACES, *guest.files.glob(f"{INTERFACES}.d/*")):
        if guest.files.is_file(path) and " static" in guest.files.read_text(path):
            yield EditLines(guest.files.resolve(path), INTERFACES_EDITS)
    for pattern, edits in OTHERS:
        for path in guest.files.glob(pattern):
            if guest.files.is_file(path) and (wanted := edits(guest.files.read_text(path, limit=LIMIT))):
                yield EditLines(guest.files.resolve(path), wanted)


def _ifcfg_edits(path: str, text: str) -> tuple[LineEdit, ...]:
    """DHCP only takes the place of an address: a member of a bond or a bridge has none, and an alias has no DHCP."""
    if not re.search(r"^\s*(IPADDR|IPV6ADDR)", text, re.MULTILINE) or ":" in path:
        return (UNIQUE,)
    if re.search(r"^\s*BOOTPROTO=", text, re.MULTILINE):
        return (UNIQUE, ROUTED, BY_DHCP)
    return (UNIQUE, ROUTED, LineEdit(append="BOOTPROTO=dhcp"))


def _netplan_edits(text: str) -> tuple[LineEdit, ...]:
    return tuple(
        LineEdit(f"^{re.escape(line)}$", place) for line, place in netplan.static_lines(text).items()
    )


def _networkd_edits(text: str) -> tuple[LineEdit, ...]:
    """Addresses go with the routes beside them; DHCP is asked for where nothing asks for it (systemd.network(5))."""
    if not re.search(r"^\s*Address\s*=", text, re.MULTILINE):
        return ()
    gone = LineEdit(r"^\s*(Address|Gateway|Broadcast|Peer|DHCP)\s*=")
    return (gone, LineEdit(r"^(\s*\[Network\])\s*$", r"\1\nDHCP=yes"))


def _netctl_edits(text: str) -> tuple[LineEdit, ...]:
    if not re.search(r"^\s*IP=.*static", text, re.MULTILINE):
        return ()
    gone = LineEdit(r"^\s*(Address|Gateway|Routes)6?\s*=")
    return (gone, LineEdit(r"^(\s*IP=).*static.*$", r"\1dhcp"))


def _dhcpcd_edits(text: str) -> tuple[LineEdit, ...]:
    return (LineEdit(r"^\s*static\s+(ip_address|ip6_address|routers)="),)


OTHERS = (
    ("/etc/netplan/*.{yaml,yml}", _netplan_edits),
    ("/etc/systemd/network/*.network", _networkd_edits),
    ("/etc/netctl/*", _netctl_edits),
    ("/etc/dhcpcd.conf", _dhcpcd_edits),
)

OPERATION = Operation(summary="Replace static addresses by DHCP", families=LINUX, plan=plan)
