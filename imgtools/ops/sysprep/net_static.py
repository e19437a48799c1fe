"""Replace static addresses by DHCP in ifcfg files and in /etc/network/interfaces.

Two clones with one address disturb each other and the original. Give a clone its own address when it is made
(``imgtools clone --network``, ``imgtools customize --network``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.guest import Guest
from imgtools.guest.network import IFCFG
from imgtools.image.change import Change, EditLines, LineEdit
from imgtools.ops.api import LINUX, NoParams, Operation

# What the guide for preparing clones by hand takes out of every ifcfg file; a suffix numbers them (SUSE: _NAME).
UNIQUE = LineEdit(r"^\s*(IPADDR|NETMASK|PREFIX|NETWORK|BROADCAST|USERCTL|IPV6ADDR|ADDRESS)\d*(_\w+)?=")
# And what belongs to a static address.
ROUTED = LineEdit(r"^\s*(GATEWAY|IPV6_DEFAULTGW|IPV6ADDR_SECONDARIES)\d*(_\w+)?=")
BY_DHCP = LineEdit(r"^(\s*BOOTPROTO=).*(static|none).*$", r"\1dhcp")
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


def _ifcfg_edits(path: str, text: str) -> tuple[LineEdit, ...]:
    """DHCP only takes the place of an address: a member of a bond or a bridge has none, and an alias has no DHCP."""
    if not re.search(r"^\s*(IPADDR|IPV6ADDR)", text, re.MULTILINE) or ":" in path:
        return (UNIQUE,)
    if re.search(r"^\s*BOOTPROTO=", text, re.MULTILINE):
        return (UNIQUE, ROUTED, BY_DHCP)
    return (UNIQUE, ROUTED, LineEdit(append="BOOTPROTO=dhcp"))


OPERATION = Operation(summary="Replace static addresses by DHCP", families=LINUX, plan=plan)
