"""What sysprep makes of network configuration: text in, text out."""

from __future__ import annotations

import pytest

from imgtools.image.change import WriteFile
from imgtools.ops.api import load_shelf
from tests.support.sysprep import guest_of, planned

SHELF = load_shelf("imgtools.ops.sysprep")
IFCFG = "/etc/sysconfig/network-scripts/ifcfg-"


def after(operation: str, path: str, text: str) -> str:
    """What the operation leaves of a file."""
    changes = planned(SHELF[operation], guest_of({path: text}))
    written = [change for change in changes if isinstance(change, WriteFile) and change.path == path]
    return written[0].content.decode() if written else text


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        ("eth0", "BOOTPROTO=none\nIPADDR=10.0.0.5\nGATEWAY=10.0.0.1\n", "BOOTPROTO=dhcp\n"),
        ("eth0", "DEVICE=eth0\nIPADDR0=10.0.0.5\nPREFIX0=24\n", "DEVICE=eth0\nBOOTPROTO=dhcp\n"),
        ("eth0", 'BOOTPROTO="dhcp"\nUSERCTL=no\nGATEWAY=10.0.0.1\n', 'BOOTPROTO="dhcp"\nGATEWAY=10.0.0.1\n'),
        ("eth0", "BOOTPROTO=none\nMASTER=bond0\n", "BOOTPROTO=none\nMASTER=bond0\n"),
        ("eth0:1", "DEVICE=eth0:1\nIPADDR=10.0.0.6\n", "DEVICE=eth0:1\n"),
        ("lo", "DEVICE=lo\nIPADDR=127.0.0.1\n", "DEVICE=lo\nIPADDR=127.0.0.1\n"),
    ],
    ids=["static", "numbered", "dhcp", "bond member", "alias", "loopback"],
)
def test_an_address_of_ifcfg_becomes_dhcp_where_there_was_one(name: str, text: str, left: str) -> None:
    assert after("net-static", f"{IFCFG}{name}", text) == left


def test_suse_numbers_its_addresses_by_name() -> None:
    text = "BOOTPROTO='static'\nIPADDR='192.0.2.7/24'\nIPADDR_web='192.0.2.8/24'\nSTARTMODE='auto'\n"
    assert (
        after("net-static", "/etc/sysconfig/network/ifcfg-eth0", text) == "BOOTPROTO=dhcp\nSTARTMODE='auto'\n"
    )


def test_ifupdown_and_netctl_lose_their_mac_addresses() -> None:
    text = "iface eth0 inet dhcp\n    hwaddress ether 52:54:00:12:34:56\n"
    assert after("net-match", "/etc/network/interfaces", text) == "iface eth0 inet dhcp\n"
    assert after("net-match", "/etc/netctl/br0", "IP=dhcp\nMACAddress=52:54:00:12:34:56\n") == "IP=dhcp\n"


def test_a_profile_of_networkmanager_goes_whatever_its_name() -> None:
    """Before version 1.20 keyfiles had no suffix."""
    guest = guest_of({"/etc/NetworkManager/system-connections/Wired connection 1": "[connection]\n"})
    assert len(planned(SHELF["net-nmconn"], guest)) == 1
