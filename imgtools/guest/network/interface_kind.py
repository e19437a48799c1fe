"""Whether an interface is a plain network card: the settings of bridges, bonds, VLANs and radios say more than that."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from imgtools.errors import UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.network.interface_files import KEYFILES, NETWORKD, ini, small_files

# Sections of netplan whose members are no cards.
NETPLAN = (
    "bonds",
    "bridges",
    "dummy-devices",
    "modems",
    "tunnels",
    "virtual-ethernets",
    "vlans",
    "vrfs",
    "wifis",
)
ETHERNET = ("", "ethernet", "802-3-ethernet")
# Lines of ifcfg files (Red Hat's, then SUSE's) and of interfaces(5) that make an interface something else.
IFCFG = (
    r"(?mi)^\s*(MASTER|BRIDGE|TEAM_MASTER|BONDING_OPTS|VLAN|BONDING_MASTER|ETHERDEVICE|WIRELESS\w*|TUNNEL)=[\"']?(?!no\b)\w"
    r"|^\s*TYPE=[\"']?(?!Ethernet)\w"
)
STANZA = r"(?m)^\s+(bridge[_-]\w+|bond[_-]\w+|vlan[_-]\w+|wpa-\w+|wireless-\w+|ovs_\w+)"


def require_plain(files: GuestReader, name: str) -> None:
    """Make sure that nothing of the guest makes an interface other than a plain card.

    :raises UnsupportedGuest: it is a bridge, or a part of a bond, or the like.
    """
    for path in _others(files, name):
        raise UnsupportedGuest(
            f"{name} is no plain network card: see {path}", hint="edit that file: imgtools edit, or --edit"
        )


def _others(files: GuestReader, name: str) -> Iterator[str]:
    for path, text in small_files(files, "/etc/netplan/*.{yaml,yml}"):
        if name in _netplan_others(text):
            yield path
    for path, text in small_files(files, f"{KEYFILES}/*"):
        said = ini(text)
        name_of, kind, master, controller = (
            said.get("connection", key, fallback="") or ""
            for key in ("interface-name", "type", "master", "controller")
        )
        if name_of == name and (kind not in ETHERNET or master or controller):
            yield path
    for path, text in small_files(files, f"{NETWORKD}/*.netdev"):
        if ini(text).get("NetDev", "Name", fallback="") == name:
            yield path
    for folder in ("network-scripts", "network"):
        for path, text in small_files(files, f"/etc/sysconfig/{folder}/ifcfg-{name}"):
            if re.search(IFCFG, text):
                yield path
    for path, text in small_files(files, "/etc/network/interfaces{,.d/*}"):
        stanzas = re.findall(rf"(?m)^\s*iface\s+{re.escape(name)}\s.*\n((?:[ \t]+.*\n?|\s*\n)*)", text)
        if any(re.search(STANZA, stanza) for stanza in stanzas):
            yield path


def _netplan_others(text: str) -> set[str]:
    try:
        document = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError):
        return set()
    network = document.get("network") if isinstance(document, dict) else None
    sections = [network.get(kind) for kind in NETPLAN] if isinstance(network, dict) else []
    return {str(name) for section in sections if isinstance(section, dict) for name in section}
