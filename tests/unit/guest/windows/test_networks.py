"""Network interfaces of a Windows guest."""

from __future__ import annotations

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
