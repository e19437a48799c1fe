"""Which interfaces a Linux guest's own files configure, by the name that each is called by."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from imgtools.files.tree import GuestReader
from imgtools.guest.network.interface import NAME
from imgtools.guest.network.interface_files import KEYFILES, NETWORKD, ini, small_files

MOST = 64  # names; a machine with more cards is no guest


def configured_interfaces(files: GuestReader) -> tuple[str, ...]:
    """Return the names that are said of interfaces, without lo and patterns; at most :data:`MOST`."""
    found = dict.fromkeys(name for name in _names(files) if re.fullmatch(NAME, name) and name != "lo")
    return tuple(found)[:MOST]


def _names(files: GuestReader) -> Iterator[str]:
    for _path, text in small_files(files, "/etc/netplan/*.{yaml,yml}"):
        yield from _netplan(text)
    for _path, text in small_files(files, f"{KEYFILES}/*"):
        yield ini(text).get("connection", "interface-name", fallback="") or ""
    for _path, text in small_files(files, f"{NETWORKD}/*.network"):
        yield from (ini(text).get("Match", "Name", fallback="") or "").split()
    for path, text in small_files(files, "/etc/sysconfig/{network-scripts,network}/ifcfg-*"):
        said = re.findall(r"(?m)^\s*DEVICE=[\"']?([\w-]+)", text)
        yield said[-1] if said else path.rpartition("/ifcfg-")[2]
    for _path, text in small_files(files, "/etc/network/interfaces{,.d/*}"):
        yield from re.findall(r"(?m)^\s*iface\s+(\S+)", text)


def _netplan(text: str) -> Iterator[str]:
    try:
        document = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError):
        return
    network = document.get("network") if isinstance(document, dict) else None
    devices = network.get("ethernets") if isinstance(network, dict) else None
    for name, device in devices.items() if isinstance(devices, dict) else ():
        said = device.get("set-name") if isinstance(device, dict) else None
        yield str(said or name)
