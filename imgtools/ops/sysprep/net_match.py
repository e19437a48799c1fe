"""Take MAC addresses out of netplan, systemd-networkd, ifupdown and netctl, where they choose the interface.

A clone has another MAC address, so a configuration that asks for the old one leaves it without network. In
netplan the ``match`` goes when nothing else is in it, and ``set-name`` with it (netplan wants a match beside it);
in networkd the match becomes ``Type=ether``, because an empty one would match every interface or none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from imgtools.guest.guest import Guest
from imgtools.image.change import Change, EditLines, LineEdit
from imgtools.ops.api import LINUX, NoParams, Operation
from imgtools.ops.steps import rewrite

NETPLAN = ("/etc/netplan/*.yaml", "/etc/netplan/*.yml")
NETWORKD = ("/etc/systemd/network/*.{network,link,netdev}",)
# interfaces(5) and netctl.profile(5).
IFUPDOWN = ("/etc/network/interfaces", "/etc/network/interfaces.d/*", "/etc/netctl/*")
HWADDRESS = LineEdit(r"^\s+hwaddress\s|^\s*MACAddress=")
MAC = re.compile(r"\s*(Permanent)?MACAddress\s*=", re.IGNORECASE)
LIMIT = 1 << 20  # bytes of one configuration file


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the new text of every file that names a MAC address."""
    for patterns, edit in ((NETPLAN, without_netplan_macs), (NETWORKD, without_networkd_macs)):
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


def without_netplan_macs(text: str) -> str:
    """Return a netplan file without MAC addresses; comments and layout stay, a file that is no YAML too."""
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return text
    dropped = {number for pair in _macs(document) for number in _lines(pair)}
    lines = text.splitlines(keepends=True)
    return "".join(line for number, line in enumerate(lines) if number not in dropped)


Pair = tuple[yaml.Node, yaml.Node]


def _macs(document: yaml.Node | None) -> Iterator[Pair]:
    """Yield the key and value nodes that have to go."""
    for _, kind in _pairs(_child(document, "network")):
        for _, interface in _pairs(kind):
            yield from (pair for pair in _pairs(interface) if pair[0].value == "macaddress")
            match = _pairs(_child(interface, "match"))
            macs = [pair for pair in match if pair[0].value == "macaddress"]
            if macs and len(macs) == len(match):
                yield from (pair for pair in _pairs(interface) if pair[0].value in ("match", "set-name"))
            else:
                yield from macs


def _pairs(node: yaml.Node | None) -> list[Pair]:
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    return next((value for key, value in _pairs(node) if key.value == name), None)


def _lines(pair: Pair) -> range:
    """The lines that a key and its value take; a block's end mark is the start of the line after it."""
    key, value = pair
    first, last = key.start_mark.line, value.end_mark.line
    return range(first, last if value.end_mark.column == 0 and last > first else last + 1)


OPERATION = Operation(
    summary="Take MAC addresses out of netplan, networkd and ifupdown", families=LINUX, plan=plan
)
