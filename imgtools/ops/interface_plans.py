"""The settings of network interfaces, written for whatever configures a guest's network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from imgtools.change.change import Change
from imgtools.errors import UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.network.interface import InterfaceSettings
from imgtools.guest.network.interface_files import keyfile, netplan, networkd
from imgtools.guest.network.interface_kind import require_plain
from imgtools.guest.network.interface_scripts import ifcfg, ifupdown, wicked
from imgtools.guest.network.program import find_network
from imgtools.guest.settings import cloud_init

WRITERS: Mapping[str, Callable[[GuestReader, InterfaceSettings], Iterator[Change]]] = {
    "netplan": netplan,
    "networkmanager": keyfile,
    "networkd": networkd,
    "ifupdown": ifupdown,
    "ifcfg": ifcfg,
    "wicked": wicked,
}

# How cloud-init is told to leave the network alone (cloudinit/net/cmdline.py, is_disabled_cfg).
OFF = {"config": "disabled"}


def network_family(guest: Guest, name: str) -> str:
    """Return what configures the network of a Linux guest, one of :data:`WRITERS`.

    :raises UnsupportedGuest: it is not known here.
    """
    network = find_network(guest.files)
    family = "ifcfg" if network.style == "ifcfg" else network.family
    if family not in WRITERS:
        known = ", ".join(WRITERS)
        what = f"{family} configures its network" if family else "nothing known configures its network"
        raise UnsupportedGuest(f"no settings of {name} for this guest: {what}", hint=f"known are {known}")
    return family


def set_interface(guest: Guest, wanted: InterfaceSettings) -> Iterator[Change]:
    """Yield the files of whatever configures the network of a Linux guest.

    :raises UnsupportedGuest: what configures the network is not known here, or the interface is a bridge or the like.
    """
    family = network_family(guest, wanted.name)
    require_plain(guest.files, wanted.name)
    yield from WRITERS[family](guest.files, wanted)
    if cloud_init.is_installed(guest.files):
        yield from cloud_init.tell(guest.files, "network", OFF, "99-network-is-set")


def objection(guest: Guest) -> str:
    """Say why the guest will not take the settings; "" if it will."""
    network = cloud_init.read_setting(guest.files, "network")
    if cloud_init.is_installed(guest.files) and network != OFF:
        return "cloud-init is told elsewhere to write its own network"
    return ""
