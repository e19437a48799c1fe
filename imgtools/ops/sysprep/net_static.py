"""Replace static addresses by DHCP in ifcfg files and in /etc/network/interfaces.

Two clones with one address disturb each other and the original. Give a clone its own address when it is made
(``imgtools clone --network``, ``imgtools customize --network``).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.guest import Guest
from imgtools.guest.network import IFCFG
from imgtools.image.change import Change, EditLines, LineEdit
from imgtools.ops.api import LINUX, NoParams, Operation

# What the guide for preparing clones by hand removes, and the numbered spellings of the same.
STATIC = r"^\s*(IPADDR|NETMASK|PREFIX|NETWORK|BROADCAST|GATEWAY|USERCTL|IPV6ADDR|IPV6_DEFAULTGW|ADDRESS)\d*="
IFCFG_EDITS = (
    LineEdit(STATIC),
    LineEdit(r"^(\s*BOOTPROTO=).*(static|none).*$", r"\1dhcp"),
)
INTERFACES = "/etc/network/interfaces"
INTERFACES_EDITS = (
    LineEdit(r"^\s+(address|netmask|network|broadcast|gateway|hwaddress|pointopoint)\s.*$"),
    LineEdit(r"^(\s*iface\s+(?!lo\b)\S+\s+inet)\s+static\b", r"\1 dhcp"),
    LineEdit(r"^(\s*iface\s+(?!lo\b)\S+\s+inet6)\s+static\b", r"\1 auto"),
)


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the edits of every file that holds a static address; loopback is left alone."""
    for path in sorted({match for pattern in IFCFG for match in guest.files.glob(pattern)}):
        name = path.rpartition("/")[2]
        if name != "ifcfg-lo" and guest.files.is_file(path) and _is_static(guest, path):
            yield EditLines(guest.files.resolve(path), IFCFG_EDITS)
    for path in (INTERFACES, *guest.files.glob(f"{INTERFACES}.d/*")):
        if guest.files.is_file(path) and " static" in guest.files.read_text(path):
            yield EditLines(guest.files.resolve(path), INTERFACES_EDITS)


def _is_static(guest: Guest, path: str) -> bool:
    lines = guest.files.read_text(path).splitlines()
    return any(line.strip().startswith(("IPADDR", "IPV6ADDR")) for line in lines)


OPERATION = Operation(summary="Replace static addresses by DHCP", families=LINUX, plan=plan)
