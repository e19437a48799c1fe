"""Network interfaces of a Windows guest."""

from __future__ import annotations

import uuid

import pytest

from imgtools.guest.windows.networks import read_interfaces
from imgtools.records.windows import WindowsInterface, WindowsLease
from tests.support.hives import Keys
from tests.support.windows import windows_facts

ONE, TWO = "{7D1C2F2A-0000-4C84-9D8E-000000000001}", "{7D1C2F2A-0000-4C84-9D8E-000000000002}"
INTERFACES = r"ControlSet002\Services\Tcpip\Parameters\Interfaces"
CONNECTIONS = r"ControlSet002\Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}"


def interfaces(keys: Keys) -> tuple[WindowsInterface, ...]:
    with windows_facts(system=keys) as facts:
        found = read_interfaces(facts)
        assert facts.warnings == []
        return found


def test_a_fixed_address_with_the_name_and_the_device() -> None:
    instance = r"PCI\VEN_1AF4&DEV_1000\3&1"
    (found,) = interfaces(
        {
            rf"{INTERFACES}\{ONE}": {
                "EnableDHCP": 0,
                "IPAddress": ["192.0.2.30", "0.0.0.0", "192.0.2.31"],
                "SubnetMask": ["255.255.255.0", "0.0.0.0", "255.255.254.0"],
                "DefaultGateway": ["192.0.2.1", ""],
                "NameServer": "192.0.2.53,192.0.2.54",
                "Domain": "example.test",
            },
            rf"ControlSet002\Services\Tcpip6\Parameters\Interfaces\{ONE}": {"NameServer": "2001:db8::53"},
            rf"{CONNECTIONS}\{ONE}\Connection": {"Name": "Ethernet", "PnpInstanceID": instance},
            rf"ControlSet002\Enum\{instance}": {
                "DeviceDesc": "@oem3.inf,%x%;Red Hat VirtIO Ethernet Adapter"
            },
        }
    )
    assert found == WindowsInterface(
        ONE, "Ethernet", "Red Hat VirtIO Ethernet Adapter", False, ("192.0.2.30/24", "192.0.2.31/23"),
        ("192.0.2.1",), ("192.0.2.53", "192.0.2.54", "2001:db8::53"), "example.test",
    )  # fmt: skip


def test_a_lease() -> None:
    (found,) = interfaces(
        {
            rf"{INTERFACES}\{TWO}": {
                "EnableDHCP": 1,
                "DhcpIPAddress": "198.51.100.23",
                "DhcpSubnetMask": "255.255.255.0",
                "DhcpServer": "198.51.100.1",
                "DhcpDefaultGateway": ["198.51.100.1"],
                "DhcpNameServer": "198.51.100.1 198.51.100.2",
                "DhcpDomain": "example.net",
                "LeaseObtainedTime": 1_709_294_400,
                "LeaseTerminatesTime": 1_709_380_800,
            }
        }
    )
    assert (found.dhcp, found.addresses, found.name) == (True, (), "")
    assert found.lease == WindowsLease(
        "198.51.100.23/24", "198.51.100.1", ("198.51.100.1",), ("198.51.100.1", "198.51.100.2"), "example.net",
        1_709_294_400 * 10**9, 1_709_380_800 * 10**9,
    )  # fmt: skip


def test_what_is_no_address_is_shown_as_it_is_and_no_lease_is_none() -> None:
    (found,) = interfaces(
        {
            rf"{INTERFACES}\{ONE}": {
                "IPAddress": ["192.0.2.30", "odd"],
                "SubnetMask": ["255.0.255.0"],  # of no prefix
                "DhcpIPAddress": "0.0.0.0",
            }
        }
    )
    assert (found.addresses, found.lease, found.dhcp) == (("192.0.2.30", "odd"), None, None)


def test_addresses_that_old_windows_keeps_as_one_text() -> None:
    (found,) = interfaces({rf"{INTERFACES}\{ONE}": {"IPAddress": "192.0.2.7", "SubnetMask": "255.255.255.0"}})
    assert found.addresses == ("192.0.2.7/24",)


NSI = r"ControlSet002\Control\Nsi"
LUIDS, FIXED = (rf"{NSI}\{{eb004a{kind}-9b1a-11d4-9123-0050047759bc}}\10" for kind in ("11", "01"))
ADDRESS = "20010db8000000000000000000000030"


def fixed_6(name: str, data: bytes, luid: str = "0000000000008300") -> Keys:
    """An interface with a LUID, and one value among the fixed addresses of IPv6."""
    return {
        rf"{INTERFACES}\{ONE}": {"IPAddress": ["192.0.2.30"], "SubnetMask": ["255.255.255.0"]},
        LUIDS: {luid: bytes(0x410) + uuid.UUID(ONE).bytes_le + bytes(80), "0000000000008400": bytes(0x470)},
        FIXED: {name: data},
    }


def test_fixed_addresses_of_ipv6_are_with_their_interface() -> None:
    (found,) = interfaces(fixed_6(f"0000000000008300{ADDRESS}", b"\xff" * 16 + bytes([64]) + bytes(31)))
    assert found.addresses == ("192.0.2.30/24", "2001:db8::30/64")


def test_a_fixed_address_of_an_interface_that_is_gone_is_told() -> None:
    keys = fixed_6(f"0000000000009900{ADDRESS}", bytes(16) + bytes([64]) + bytes(31))
    with windows_facts(system=keys) as facts:
        (found,) = read_interfaces(facts)
        assert found.addresses == ("192.0.2.30/24",)
        assert ["2001:db8::30/64" in one.text for one in facts.warnings] == [True]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (f"0000000000008300{ADDRESS}", bytes(16)),  # cut short
        (f"0000000000008300{ADDRESS}", b"\xff" * 40),  # no length of a prefix
        ("0000000000008300", bytes(40)),
        (f"0000000000008300{ADDRESS[:-1]}g", bytes(40)),
    ],
)
def test_values_that_are_no_addresses(name: str, data: bytes) -> None:
    (found,) = interfaces(fixed_6(name, data))
    assert found.addresses == ("192.0.2.30/24",)


def test_an_interface_that_is_called_otherwise_than_by_a_guid() -> None:
    (found,) = interfaces({rf"{INTERFACES}\odd": {"EnableDHCP": 1}})
    assert (found.id, found.dhcp, found.addresses) == ("odd", True, ())
