"""The settings of one network interface, as people write them: ``eth0=192.0.2.10/24,gateway=192.0.2.1``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from imgtools.errors import UsageError

HOW = "NAME=dhcp or NAME=ADDRESS/PREFIX,...,gateway=ADDRESS,dns=ADDRESS,search=DOMAIN,mac=MAC"
# IFNAMSIZ is 16 with its NUL. No letter that a file would take for something else; a dot would make it a VLAN.
NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,14}"
LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
DOMAIN = rf"{LABEL}(\.{LABEL})*\.?"
MANY = ("gateway", "dns", "search")  # may be said several times

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@dataclass(frozen=True, slots=True)
class InterfaceSettings:
    """What an interface gets. Without addresses it asks DHCP; ``mac`` says which card is meant, in small letters."""

    name: str
    addresses: tuple[Address, ...] = ()
    gateways: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    mac: str = ""

    @property
    def dhcp(self) -> bool:
        """Whether it asks for its address."""
        return not self.addresses

    def of(self, version: int) -> tuple[Address, ...]:
        """The addresses of IPv4 or IPv6."""
        return tuple(one for one in self.addresses if one.version == version)

    def gateway(self, version: int) -> str:
        """The gateway of IPv4 or IPv6, "" if there is none."""
        found = (one for one in self.gateways if ipaddress.ip_address(one).version == version)
        return next(found, "")


def parse_interface(text: str) -> InterfaceSettings:
    """Read ``eth0=dhcp`` or ``eth0=192.0.2.10/24,2001:db8::10/64,gateway=192.0.2.1,dns=...,search=...,mac=...``.

    Several DNS servers or domains: each with its ``dns=``, or with spaces between them.

    :raises UsageError: it is not written so, or makes no sense: a gateway that cannot be reached.
    """
    name, _, rest = text.partition("=")
    if not re.fullmatch(NAME, name) or not rest:
        raise UsageError(f"not the settings of an interface: {text!r}", hint=HOW)
    said: dict[str, list[str]] = {}
    addresses: list[Address] = []
    parts = [part.strip() for part in rest.split(",")]
    for part in parts:
        key, equals, value = part.partition("=")
        if part == "dhcp" and len([one for one in parts if "=" not in one]) == 1:
            continue
        if not equals:
            addresses.append(_address(name, part))
        elif key in ("gateway", "dns", "search", "mac") and (key in MANY or key not in said):
            said.setdefault(key, []).extend(value.split())
        else:
            raise UsageError(f"{name}: not a setting, or said twice: {part!r}", hint=HOW)
    settings = InterfaceSettings(
        name,
        tuple(dict.fromkeys(addresses)),
        _checked(name, "gateway", said, lambda one: str(ipaddress.ip_address(one))),
        _checked(name, "dns", said, lambda one: str(ipaddress.ip_address(one))),
        _checked(name, "search", said, _domain),
        "".join(_checked(name, "mac", said, _mac)),
    )
    _check_gateways(settings)
    return settings


def _checked(name: str, key: str, said: dict[str, list[str]], check: Callable[[str], str]) -> tuple[str, ...]:
    found: list[str] = []
    for value in said.get(key, ()):
        try:
            found.append(check(value))
        except ValueError:
            raise UsageError(f"{name}: not a value for {key}: {value!r}", hint=HOW) from None
    if key in said and not found:
        raise UsageError(f"{name}: {key} is empty", hint=HOW)
    return tuple(dict.fromkeys(found))


def _address(name: str, text: str) -> Address:
    """Read one address, which has to have a prefix and to be a host's."""
    try:
        address = ipaddress.ip_interface(text)
    except ValueError:
        raise UsageError(f"{name}: not an address: {text!r}", hint=HOW) from None
    network = address.network
    if "/" not in text:
        raise UsageError(
            f"{name}: the address {text} has no prefix", hint=f"{text}/24, or what the network has"
        )
    if address.ip.is_multicast or address.ip.is_unspecified or address.ip.is_loopback:
        raise UsageError(f"{name}: no address for an interface: {text}")
    if address.version == 4 and network.prefixlen < 31:
        if address.ip == network.network_address:
            raise UsageError(f"{name}: {text} is the network itself, not an address in it")
        if address.ip == network.broadcast_address:
            raise UsageError(f"{name}: {text} is the broadcast address of its network")
    return address


def _domain(text: str) -> str:
    if len(text) > 253 or not re.fullmatch(DOMAIN, text):
        raise ValueError(text)
    return text


def _mac(text: str) -> str:
    """Return a card's address with colons, in small letters; one of a group (lowest bit of the first byte) is none."""
    digits = re.sub("[:-]", "", text.lower())
    if not re.fullmatch("([0-9a-f]{2}[:-]?){5}[0-9a-f]{2}", text.lower()) or int(digits[:2], 16) & 1:
        raise ValueError(text)
    return ":".join(re.findall("..", digits))


def _check_gateways(settings: InterfaceSettings) -> None:
    """A gateway lies in a network of the interface, and is not the interface itself."""
    versions: list[int] = []
    for text in settings.gateways:
        gateway = ipaddress.ip_address(text)
        if settings.dhcp:
            raise UsageError(f"{settings.name}: DHCP says the gateway, not {text}")
        if gateway in (one.ip for one in settings.addresses):
            raise UsageError(f"{settings.name}: the gateway {text} is the address of the interface itself")
        reached = _any_holds(settings.of(gateway.version), gateway)
        if not reached and not (gateway.version == 6 and gateway.is_link_local):
            networks = ", ".join(str(one.network) for one in settings.addresses)
            raise UsageError(f"{settings.name}: the gateway {text} is not in {networks}")
        if gateway.version in versions:
            raise UsageError(f"{settings.name}: two gateways of IPv{gateway.version}")
        versions.append(gateway.version)


def _any_holds(addresses: Iterable[Address], one: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(one in address.network for address in addresses)
