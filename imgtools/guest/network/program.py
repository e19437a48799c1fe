"""Which program configures the network of a Linux guest, and in which files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from imgtools.files.tree import GuestReader

MAX_FILES = 1000

# Where each keeps its configuration.
FILES = {
    "netplan": ("/etc/netplan/*.{yaml,yml}",),
    "networkmanager": (
        "/etc/NetworkManager/system-connections/*",
        "/usr/lib/NetworkManager/system-connections/*",
    ),
    "networkd": ("/etc/systemd/network/*.{network,netdev,link}",),
    "ifcfg": ("/etc/sysconfig/network-scripts/{ifcfg,route,route6,rule,rule6}-*",),
    "wicked": ("/etc/sysconfig/network/{ifcfg,ifroute}-*", "/etc/wicked/ifconfig/*.xml"),
    "ifupdown": ("/etc/network/interfaces", "/etc/network/interfaces.d/*"),
    "netctl": ("/etc/netctl/*",),
    "netifrc": ("/etc/conf.d/net",),
    "dhcpcd": ("/etc/dhcpcd.conf",),
    "connman": ("/var/lib/connman/*/settings",),
}
# The program, or what only its package brings.
PROGRAMS = {
    "netplan": ("/usr/sbin/netplan", "/usr/share/netplan"),
    "networkmanager": ("/usr/sbin/NetworkManager", "/usr/bin/NetworkManager"),
    "networkd": ("/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd"),
    "ifcfg": ("/etc/sysconfig/network-scripts/ifup", "/etc/sysconfig/network-scripts/ifup-eth"),
    "wicked": ("/usr/sbin/wickedd", "/usr/sbin/wicked"),
    "ifupdown": ("/sbin/ifup", "/usr/sbin/ifup"),
    "netctl": ("/usr/bin/netctl",),
    "netifrc": ("/lib/netifrc", "/usr/lib/netifrc"),
    "dhcpcd": ("/usr/sbin/dhcpcd", "/sbin/dhcpcd", "/usr/bin/dhcpcd"),
    "connman": ("/usr/sbin/connmand", "/usr/bin/connmand"),
}
SERVICES = {
    "networkmanager": "NetworkManager.service",
    "networkd": "systemd-networkd.service",
    "ifcfg": "network.service",
    "wicked": "wicked.service",
    "ifupdown": "networking.service",
    "dhcpcd": "dhcpcd.service",
    "connman": "connman.service",
}
# Who wins where several are installed: the one that drives the others first.
ORDER = (
    "netplan",
    "wicked",
    "networkmanager",
    "ifcfg",
    "networkd",
    "ifupdown",
    "netctl",
    "netifrc",
    "connman",
    "dhcpcd",
)


# The ifcfg files of the Red Hat family and of SUSE, with the copies that old tools kept of them.
IFCFG = (
    "/etc/sysconfig/network-scripts/ifcfg-*",
    "/etc/sysconfig/network/ifcfg-*",
    "/etc/sysconfig/networking/devices/ifcfg-*",
    "/etc/sysconfig/networking/profiles/default/ifcfg-*",
)


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """``family`` is one of the keys of :data:`FILES`, or "" if nothing configures a network.

    ``renderer`` is who carries it out, where that is another program (netplan). ``style`` says how
    NetworkManager's connections are stored: ``keyfile`` or ``ifcfg``. ``files`` are all families' files.
    """

    family: str = ""
    renderer: str = ""
    style: str = ""
    files: tuple[str, ...] = ()


def find_network(files: GuestReader) -> NetworkConfig:
    """Return how the guest configures its network."""
    found = {family: _files_of(files, family) for family in FILES}
    family = _family(files, found)
    everything = tuple(path for paths in found.values() for path in paths)
    renderer = _netplan_renderer(files, found["netplan"]) if family == "netplan" else ""
    style = ""
    if family == "networkmanager":
        style = "ifcfg" if found["ifcfg"] and not found["networkmanager"] else "keyfile"
    return NetworkConfig(family, renderer, style, everything)


def _files_of(files: GuestReader, family: str) -> tuple[str, ...]:
    paths: list[str] = []
    for pattern in FILES[family]:
        for path in files.glob(pattern):
            if files.is_file(path) and not path.endswith(("/ifcfg-lo", "~", ".bak", ".rpmsave", ".rpmnew")):
                paths.append(path)
    return tuple(paths[:MAX_FILES])


def _family(files: GuestReader, found: dict[str, tuple[str, ...]]) -> str:
    """Choose: enabled and configured, then enabled, then installed and configured, then what is there at all."""

    def installed(family: str) -> bool:
        return any(files.exists(path) for path in PROGRAMS[family])

    def enabled(family: str) -> bool:
        if family not in SERVICES:
            return installed(family)  # netplan and netctl have no service of that name
        return any(_wanted(files, SERVICES[family]))

    def configured(family: str) -> bool:
        return bool(found[family])

    rules: tuple[Callable[[str], bool], ...] = (
        lambda family: enabled(family) and configured(family),
        lambda family: enabled(family) and family in SERVICES and installed(family),
        lambda family: installed(family) and configured(family),
        configured,
        # systemd brings networkd along whether anyone wants it or not
        lambda family: family != "networkd" and installed(family),
    )
    for rule in rules:
        for family in ORDER:
            if rule(family):
                return family
    return ""


def _wanted(files: GuestReader, unit: str) -> list[str]:
    return [
        path
        for folder in ("multi-user.target.wants", "network-online.target.wants", "network.target.wants")
        if files.lstat(path := f"/etc/systemd/system/{folder}/{unit}") is not None
    ]


def _netplan_renderer(files: GuestReader, paths: tuple[str, ...]) -> str:
    """Return who carries out netplan's configuration: the last file that says, else networkd."""
    renderer = "networkd"
    for path in paths:
        if files.stat(path).size <= 1 << 20:
            found = re.findall(r"^[ \t]*renderer:[ \t]*[\"']?(\w+)", files.read_text(path), re.MULTILINE)
            renderer = found[0] if found else renderer
    return "networkmanager" if renderer.lower() == "networkmanager" else renderer
