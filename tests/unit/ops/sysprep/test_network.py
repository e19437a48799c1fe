"""What sysprep makes of network configuration: text in, text out."""

from __future__ import annotations

import pytest

from imgtools.change.change import WriteFile
from imgtools.change.compose import compose
from imgtools.guest.network.netplan import without_macs
from imgtools.ops.operation import load_shelf
from imgtools.ops.selection import Selection, choose
from imgtools.ops.shelf_plan import all_changes, plan_operations
from tests.support.sysprep import NETPLAN, guest_of, planned

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


STATIC_NETPLAN = """network:
  version: 2
  ethernets:
    ens3:
      dhcp4: no
      addresses:
        - 192.0.2.18/24
      # the way out
      gateway4: 192.0.2.1
      routes:
        - to: default
          via: 192.0.2.1
      nameservers:
        addresses: [192.0.2.53]
    ens4:
      dhcp4: true
      addresses: [198.51.100.7/24]
    ens5:
      dhcp4: false
"""


TWINS = """network:
  ethernets:
    a:
      addresses: [192.0.2.18/24]
      {0}
    b:
      mtu: 9000
      {0}
"""


def test_static_addresses_of_netplan_become_dhcp() -> None:
    """Comments and name servers stay, and what has no address stays without one."""
    assert (
        after("net-static", "/etc/netplan/01.yaml", STATIC_NETPLAN)
        == """network:
  version: 2
  ethernets:
    ens3:
      dhcp4: true
      # the way out
      nameservers:
        addresses: [192.0.2.53]
    ens4:
      dhcp4: true
    ens5:
      dhcp4: false
"""
    )


@pytest.mark.parametrize(
    "text",
    [
        "network: {ethernets: {ens3: {addresses: [192.0.2.18/24]}}}\n",
        "network: [",
        "",
        "network:\n  ethernets:\n    ens3:\n      dhcp4: true\n",
        # b has no address, and the text of its lines is that of a's
        TWINS.format("dhcp4: no"),
        TWINS.format("routes: [{to: default, via: 192.0.2.1}]"),
    ],
    ids=["flow", "broken", "empty", "dhcp", "twins", "routes"],
)
def test_netplan_that_cannot_be_told_by_the_line_is_left_alone(text: str) -> None:
    assert after("net-static", "/etc/netplan/01.yaml", text) == text


def test_static_addresses_of_networkd_netctl_and_dhcpcd_become_dhcp() -> None:
    networkd = "[Match]\nName=ens3\n[Network]\nAddress=192.0.2.18/24\nGateway=192.0.2.1\nDNS=192.0.2.53\n"
    assert after("net-static", "/etc/systemd/network/10.network", networkd) == (
        "[Match]\nName=ens3\n[Network]\nDHCP=yes\nDNS=192.0.2.53\n"
    )
    netctl = "Interface=ens3\nIP=static\nAddress=('192.0.2.18/24')\nGateway='192.0.2.1'\nDNS=('192.0.2.53')\n"
    assert after("net-static", "/etc/netctl/ens3", netctl) == "Interface=ens3\nIP=dhcp\nDNS=('192.0.2.53')\n"
    dhcpcd = "interface eth0\nstatic ip_address=192.0.2.18/24\nstatic routers=192.0.2.1\n"
    assert after("net-static", "/etc/dhcpcd.conf", dhcpcd) == "interface eth0\n"


def test_mac_and_address_of_one_file_go_together() -> None:
    """Two operations edit the file; what is left has neither, and a second plan finds nothing."""
    text = STATIC_NETPLAN.replace("      dhcp4: no\n", '      match: {macaddress: "52:54:00:12:34:56"}\n', 1)
    path = "/etc/netplan/01.yaml"
    guest = guest_of({path: text})
    chosen = choose(SHELF, Selection(enable=("net-match", "net-static")))
    (change,) = compose(all_changes(plan_operations(guest, chosen)), guest.files)
    assert isinstance(change, WriteFile) and b"192.0.2.18" not in change.content
    assert b"macaddress" not in change.content
    again = guest_of({path: change.content})
    assert all_changes(plan_operations(again, chosen)) == ()


def test_netplan_keeps_its_comments_and_loses_the_match_that_is_left_empty() -> None:
    assert without_macs(NETPLAN) == (
        "# how this machine is wired\nnetwork:\n  version: 2\n  ethernets:\n    ens3:\n      dhcp4: true  # stays\n"
    )
    both = "network:\n  ethernets:\n    a:\n      match:\n        macaddress: x\n        driver: virtio\n"
    assert without_macs(both) == "network:\n  ethernets:\n    a:\n      match:\n        driver: virtio\n"
    for odd in ("", "{", "network: [", "- a\n- b\n", "network:\n  ethernets: ens3\n"):
        assert without_macs(odd) == odd
    blocks = (
        "network:\n  ethernets:\n    a:\n      match:\n        macaddress: x\n      # next\n      mtu: 9000\n"
    )
    assert without_macs(blocks) == "network:\n  ethernets:\n    a:\n      # next\n      mtu: 9000\n"
