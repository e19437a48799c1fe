"""Take MAC addresses out of netplan, systemd-networkd, ifupdown and netctl, where they choose the interface.

A clone has another MAC address, so a configuration that asks for the old one leaves it without network. In
netplan the ``match`` goes when nothing else is in it, and ``set-name`` with it (netplan wants a match beside it);
in networkd the match becomes ``Type=ether``, because an empty one would match every interface or none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.guest.guest import Guest
from imgtools.guest.network import netplan
from imgtools.ops.common_plans import rewrite
from imgtools.ops.operation import LINUX, NoParams, Operation

NETPLAN = ("/etc/netplan/*.yaml", "/etc/netplan/*.yml")
NETWORKD = ("/etc/systemd/network/*.{network,link,netdev}",)
# interfaces(5) and netctl.profile(5).
IFUPDOWN = ("/etc/network/interfaces", "/etc/network/interfaces.d/*", "/etc/netctl/*")
HWADDRESS = LineEdit(r"^\s+hwaddress\s|^\s*MACAddress=")
MAC = re.compile(r"\s*(Permanent)?MACAddress\s*=", re.IGNORECASE)
LIMIT = 1 << 20  # bytes of one configuration file


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the new text of every file that names a MAC address."""
    for patterns, edit in ((NETPLAN, netplan.without_macs), (NETWORKD, without_networkd_macs)):
        for pattern in patterns:
            for path in guest.files.glob(pattern):
                if guest.files.is_file(path):
                    text = guest.files.read_text(path, limit=LIMIT)
                    yield from rewrite(guest.files, path, edit(text))
    for pattern in IFUPDOWN:
        for path in guest.files.glob(pattern):
            if guest.files.is_file(path):
                yield EditLines(guest.files.resolve(path), (HWADDRESS,))


def without_networkd_macs(text: str) -> str:
    """Return a networkd file without MAC addresses; ``[Match]`` keeps a condition."""
    section, kept = "", []
    for line in text.splitlines(keepends=True):
        if line.strip().startswith("["):
            section = line.strip().lower()
        if not MAC.match(line):
            kept.append(line)
        elif section == "[match]" and "Type=ether\n" not in kept:
            kept.append("Type=ether\n")
    return "".join(kept)


OPERATION = Operation(
    summary="Take MAC addresses out of netplan, networkd and ifupdown", families=LINUX, plan=plan
)
