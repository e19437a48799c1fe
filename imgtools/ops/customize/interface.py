"""Give a network interface its settings: ``NAME=dhcp``, ``NAME=ADDRESS/PREFIX,gateway=ADDRESS,...``.

Written for what configures the guest's network: netplan, NetworkManager, systemd-networkd, ifupdown, ifcfg files or
wicked. What there was of the same interface goes. Further settings are ``dns=``, ``search=`` and ``mac=``, which says
which card is meant; IPv4 and IPv6 may be mixed, and an address, a DNS server or a domain said several times. Where
cloud-init is installed it is told to leave the network alone, because it would write its own at the next start.

Of Windows guests a script does it at the first boot: to the card that has the address ``mac=``, which has to be said;
its connection is called NAME from then on. One domain may be searched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from imgtools.change.change import Change
from imgtools.errors import UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.network.interface import InterfaceSettings, parse_interface
from imgtools.guest.network.interface_files import keyfile, netplan, networkd
from imgtools.guest.network.interface_kind import require_plain
from imgtools.guest.network.interface_scripts import ifcfg, ifupdown, wicked
from imgtools.guest.network.program import find_network
from imgtools.guest.network.windows_script import interface_script
from imgtools.guest.settings import cloud_init
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import LINUX_OR_WINDOWS, Operation
from imgtools.ops.windows_firstboot import at_first_boot_of_windows
from imgtools.records.system import OsType

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


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the files of whatever configures the network.

    :raises UsageError: the settings make no sense.
    :raises UnsupportedGuest: what configures the network is not known here, or the interface is a bridge or the like.
    """
    wanted = parse_interface(order.text)
    if guest.os.type is OsType.WINDOWS:
        yield from at_first_boot_of_windows(guest, "interface.ps1", "ps1", interface_script(wanted).encode())
        return
    network = find_network(guest.files)
    family = "ifcfg" if network.style == "ifcfg" else network.family
    if family not in WRITERS:
        known = ", ".join(WRITERS)
        what = f"{family} configures its network" if family else "nothing known configures its network"
        raise UnsupportedGuest(
            f"no settings of {wanted.name} for this guest: {what}", hint=f"known are {known}"
        )
    require_plain(guest.files, wanted.name)
    yield from WRITERS[family](guest.files, wanted)
    if cloud_init.is_installed(guest.files):
        yield from cloud_init.tell(guest.files, "network", OFF, "99-network-is-set")


def objection(guest: Guest, order: Order) -> str:
    """Say why the guest will not take the settings."""
    if guest.os.type is OsType.WINDOWS:
        return ""
    network = cloud_init.read_setting(guest.files, "network")
    if cloud_init.is_installed(guest.files) and network != OFF:
        return "cloud-init is told elsewhere to write its own network"
    return ""


OPERATION = Operation(
    summary="Set the address of a network interface",
    how="NAME=dhcp, or addresses with prefix, gateway=, dns=, search=, mac=",
    plan=plan,
    params=Order,
    families=LINUX_OR_WINDOWS,
    notes="Of Windows, what is said of `firstboot` holds for the script.",
    metavar="NAME=SETTINGS",
    objection=objection,
)
