"""Which program configures the network of a guest."""

from __future__ import annotations

import pytest

from imgtools.guest.network.program import find_network
from tests.support.memory import Content, link, memory_files

WANTS = "/etc/systemd/system/multi-user.target.wants"
CASES: dict[str, tuple[dict[str, Content], str, str, str]] = {
    "ubuntu": (
        {
            "/etc/netplan/50-cloud-init.yaml": "network:\n  version: 2\n",
            "/usr/sbin/netplan": "",
            "/usr/lib/systemd/systemd-networkd": "",
            f"{WANTS}/systemd-networkd.service": link("/usr/lib/systemd/system/systemd-networkd.service"),
        },
        "netplan",
        "networkd",
        "",
    ),
    "ubuntu desktop": (
        {"/etc/netplan/01.yaml": "network:\n  renderer: NetworkManager\n", "/usr/sbin/netplan": ""},
        "netplan",
        "networkmanager",
        "",
    ),
    "rocky 9": (
        {
            "/usr/sbin/NetworkManager": "",
            f"{WANTS}/NetworkManager.service": link("x"),
            "/etc/NetworkManager/system-connections/eth0.nmconnection": "[connection]\n",
        },
        "networkmanager",
        "",
        "keyfile",
    ),
    "rhel 8": (
        {
            "/usr/sbin/NetworkManager": "",
            f"{WANTS}/NetworkManager.service": link("x"),
            "/etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\n",
        },
        "networkmanager",
        "",
        "ifcfg",
    ),
    "centos 6": (
        {
            "/etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\n",
            "/etc/sysconfig/network-scripts/ifcfg-lo": "DEVICE=lo\n",
            "/etc/sysconfig/network-scripts/ifup-eth": "",
        },
        "ifcfg",
        "",
        "",
    ),
    "debian": ({"/etc/network/interfaces": "auto lo\n", "/sbin/ifup": ""}, "ifupdown", "", ""),
    "opensuse": (
        {"/etc/sysconfig/network/ifcfg-eth0": "BOOTPROTO=dhcp\n", "/usr/sbin/wickedd": ""},
        "wicked",
        "",
        "",
    ),
    "arch": (
        {
            "/etc/systemd/network/20-wired.network": "[Match]\n",
            f"{WANTS}/systemd-networkd.service": link("x"),
        },
        "networkd",
        "",
        "",
    ),
    "gentoo": ({"/etc/conf.d/net": 'config_eth0="dhcp"\n', "/lib/netifrc/x": ""}, "netifrc", "", ""),
    "a fedora with nothing configured": (
        {"/usr/sbin/NetworkManager": "", f"{WANTS}/NetworkManager.service": link("x")},
        "networkmanager",
        "",
        "keyfile",
    ),
    "a container": ({}, "", "", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_the_family_that_configures_the_network(name: str) -> None:
    files, family, renderer, style = CASES[name]
    found = find_network(memory_files(files))
    assert (found.family, found.renderer, found.style) == (family, renderer, style)


def test_the_files_of_all_families_are_told_but_not_the_loopback_and_backups() -> None:
    scripts = "/etc/sysconfig/network-scripts"
    files = {f"{scripts}/ifcfg-{name}": "x" for name in ("eth0", "lo", "eth0.bak", "eth1~")}
    found = find_network(memory_files({**files, "/etc/netplan/a.yaml": "network: {}\n"}))
    assert found.files == ("/etc/netplan/a.yaml", f"{scripts}/ifcfg-eth0")
