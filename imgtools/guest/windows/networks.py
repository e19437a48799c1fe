r"""The network interfaces of a Windows guest, with their addresses.

``Tcpip\Parameters\Interfaces\{GUID}``: "TCP/IP and NBT configuration parameters" (learn.microsoft.com, article
314053). ``Control\Network\{class}\{GUID}\Connection`` has the name that people see, and which device it is.

Fixed addresses of IPv6 are kept by the Network Store Interface, whose keys Microsoft does not describe. A value's name
is the LUID of the interface and the address, 16 and 32 hexadecimal digits; the 17th byte of its data is the length of
the prefix. A value of another key has that LUID for its name, and the interface's GUID in its data. Sources: gprovision
(netexport) and XenServer's network settings, which read and copy them.
"""

from __future__ import annotations

import ipaddress
import re
import uuid

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
LUIDS = rf"{MACHINE}\SYSTEM\CurrentControlSet\Control\Nsi\{{eb004a11-9b1a-11d4-9123-0050047759bc}}\10"
FIXED_6 = rf"{MACHINE}\SYSTEM\CurrentControlSet\Control\Nsi\{{eb004a01-9b1a-11d4-9123-0050047759bc}}\10"
NAME_OF_FIXED_6 = re.compile(r"([0-9a-f]{16})([0-9a-f]{32})")
PREFIX_6 = 16  # where the length of the prefix stands
NOBODY = ("0.0.0.0", "255.255.255.255")
SECOND = 10**9


def read_interfaces(facts: RegistryFacts) -> tuple[WindowsInterface, ...]:
    """Return the interfaces that TCP/IP is bound to, in the order of their GUIDs."""
    luids = facts.values(LUIDS)
    fixed = _fixed_6(facts)

    def one(key: HiveKey) -> WindowsInterface:
        values = Values(key.values())
        connection = facts.values(rf"{CONNECTIONS}\{key.name}\Connection")
        masks = values.texts("SubnetMask")
        addresses = [
            _with_prefix(address, masks[number] if number < len(masks) else "")
            for number, address in enumerate(values.texts("IPAddress"))
            if address not in NOBODY
        ]
        for luid in _luids(luids, key.name):
            addresses += fixed.pop(luid, [])
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

    found = facts.each(INTERFACES, one)
    for address in (one for rest in fixed.values() for one in rest):
        facts.warn(f"the fixed address {address} is of no network interface that is known")
    return found


def _luids(luids: Values, identity: str) -> list[str]:
    """Return the names of the values in whose data the GUID of an interface stands."""
    try:
        guid = uuid.UUID(identity).bytes_le
    except ValueError:
        return []
    return [luid for luid, value in luids.items() if guid in value.data]


def _fixed_6(facts: RegistryFacts) -> dict[str, list[str]]:
    """Return fixed addresses of IPv6 with their prefixes, by the LUIDs of interfaces."""
    found: dict[str, list[str]] = {}
    for name, value in facts.values(FIXED_6).items():
        match = NAME_OF_FIXED_6.fullmatch(name)
        if match and len(value.data) > PREFIX_6 and value.data[PREFIX_6] <= 128:
            address = ipaddress.IPv6Address(bytes.fromhex(match[2]))
            found.setdefault(match[1], []).append(f"{address}/{value.data[PREFIX_6]}")
    return found


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
