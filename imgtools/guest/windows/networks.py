r"""The network interfaces of a Windows guest, with their addresses.

``Tcpip\Parameters\Interfaces\{GUID}``: "TCP/IP and NBT configuration parameters" (learn.microsoft.com, article 314053);
``Control\Network\{class}\{GUID}\Connection`` has the name that people see, and which device it is.
"""

from __future__ import annotations

import ipaddress
import re

from imgtools.engine.hive import HiveKey
from imgtools.guest.windows.facts import RegistryFacts, Values
from imgtools.guest.windows.registry import MACHINE
from imgtools.guest.windows.services import SERVICES, display_name
from imgtools.records.windows import WindowsInterface, WindowsLease

INTERFACES = rf"{SERVICES}\Tcpip\Parameters\Interfaces"
INTERFACES_6 = rf"{SERVICES}\Tcpip6\Parameters\Interfaces"
# The class of network adapters: "System-Defined Device Setup Classes Available to Vendors" (learn.microsoft.com).
CONNECTIONS = rf"{MACHINE}\SYSTEM\CurrentControlSet\Control\Network\{{4D36E972-E325-11CE-BFC1-08002BE10318}}"
DEVICES = rf"{MACHINE}\SYSTEM\CurrentControlSet\Enum"
NOBODY = ("0.0.0.0", "255.255.255.255")
SECOND = 10**9


def read_interfaces(facts: RegistryFacts) -> tuple[WindowsInterface, ...]:
    """Return the interfaces that TCP/IP is bound to, in the order of their GUIDs."""

    def one(key: HiveKey) -> WindowsInterface:
        values = Values(key.values())
        connection = facts.values(rf"{CONNECTIONS}\{key.name}\Connection")
        masks = values.texts("SubnetMask")
        addresses = [
            _with_prefix(address, masks[number] if number < len(masks) else "")
            for number, address in enumerate(values.texts("IPAddress"))
            if address not in NOBODY
        ]
        servers = _servers(values.text("NameServer"))
        servers += _servers(facts.text(rf"{INTERFACES_6}\{key.name}", "NameServer"))
        return WindowsInterface(
            key.name,
            connection.text("Name"),
            _description(facts, connection.text("PnpInstanceID")),
            values.flag("EnableDHCP"),
            tuple(addresses),
            _gateways(values, "DefaultGateway"),
            servers,
            values.text("Domain"),
            _lease(values),
        )

    return facts.each(INTERFACES, one)


def _lease(values: Values) -> WindowsLease | None:
    address = values.text("DhcpIPAddress")
    if not address or address in NOBODY:
        return None
    return WindowsLease(
        _with_prefix(address, values.text("DhcpSubnetMask")),
        values.text("DhcpServer"),
        _gateways(values, "DhcpDefaultGateway"),
        _servers(values.text("DhcpNameServer")),
        values.text("DhcpDomain"),
        _moment(values, "LeaseObtainedTime"),
        _moment(values, "LeaseTerminatesTime"),
    )


def _moment(values: Values, name: str) -> int | None:
    seconds = values.number(name)
    return seconds * SECOND if seconds else None


def _gateways(values: Values, name: str) -> tuple[str, ...]:
    return tuple(address for address in values.texts(name) if address not in NOBODY)


def _servers(text: str) -> tuple[str, ...]:
    """Split what is written with commas by hand, and with blanks by DHCP."""
    return tuple(one for one in re.split(r"[,;\s]+", text) if one)


def _with_prefix(address: str, mask: str) -> str:
    """Return ``192.0.2.7/24``; the address alone where the mask is none."""
    try:
        return ipaddress.ip_interface(f"{address}/{mask}").with_prefixlen if mask else address
    except ValueError:
        return address


def _description(facts: RegistryFacts, instance: str) -> str:
    if not instance:
        return ""
    device = facts.values(rf"{DEVICES}\{instance}")
    return device.text("FriendlyName") or display_name(device.text("DeviceDesc"))
