"""Give a network interface its settings: ``NAME=dhcp``, ``NAME=ADDRESS/PREFIX,gateway=ADDRESS,...``.

Written for what configures the guest's network: netplan, NetworkManager, systemd-networkd, ifupdown, ifcfg files or
wicked. What there was of the same interface goes. Further settings are ``dns=``, ``search=`` and ``mac=``, which says
which card is meant; IPv4 and IPv6 may be mixed, and an address, a DNS server or a domain said several times. Where
cloud-init is installed it is told to leave the network alone, because it would write its own at the next start.

Of Windows guests a script does it at the first boot: to the card that has the address ``mac=``, which has to be said;
its connection is called NAME from then on. One domain may be searched.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.guest.network.interface import parse_interface
from imgtools.guest.network.windows_script import interface_script
from imgtools.ops import interface_plans
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import LINUX_OR_WINDOWS, Operation
from imgtools.ops.windows_firstboot import at_first_boot_of_windows
from imgtools.records.system import OsType


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the files of whatever configures the network.

    :raises UsageError: the settings make no sense.
    :raises UnsupportedGuest: what configures the network is not known here, or the interface is a bridge or the like.
    """
    wanted = parse_interface(order.text)
    if guest.os.type is OsType.WINDOWS:
        yield from at_first_boot_of_windows(guest, "interface.ps1", "ps1", interface_script(wanted).encode())
        return
    yield from interface_plans.set_interface(guest, wanted)


def objection(guest: Guest, order: Order) -> str:
    """Say why the guest will not take the settings."""
    return "" if guest.os.type is OsType.WINDOWS else interface_plans.objection(guest)


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
