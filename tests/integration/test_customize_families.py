"""The settings operations on the test guests of eight distributions: each plans the files of its own family."""

from __future__ import annotations

import pytest

from tests.support.command import imgtools
from tests.support.fixtures import fixture_image

pytestmark = pytest.mark.appliance  # two of them have their root on btrfs

STATIC = "eth0=192.0.2.10/24,gateway=192.0.2.1,dns=192.0.2.53"
EVERYTHING = (
    ("--hostname", "web1"),
    ("--timezone", "Europe/Berlin"),
    ("--locale", "C.UTF-8"),
    ("--interface", STATIC),
    ("--serial-console", "ttyS0"),
    ("--service", "sshd:off"),
)
SERVICE = "/etc/systemd/system/multi-user.target.wants/sshd.service"
# What the plan changes beside /etc/hostname and /etc/hosts: names, language, network, boot, service.
PLANNED = {
    "rocky": (
        "/etc/locale.conf",
        "/etc/NetworkManager/system-connections/eth0.nmconnection",
        "/etc/default/grub",
        SERVICE,
    ),
    "arch": (
        "/etc/locale.conf",
        "/etc/systemd/network/00-eth0.network",
        "/boot/loader/entries/arch.conf",
        SERVICE,
    ),
    "alpine": (
        "/etc/profile.d/zz-locale.sh",
        "/etc/network/interfaces",
        "/boot/extlinux.conf",
        "/etc/runlevels/default/sshd",
    ),
    "amazon": (
        "/etc/locale.conf",
        "/etc/sysconfig/network-scripts/ifcfg-eth0",
        "/boot/grub2/grub.cfg",
        SERVICE,
    ),
    "opensuse": ("/etc/locale.conf", "/etc/sysconfig/network/ifcfg-eth0", "/boot/grub2/grub.cfg", SERVICE),
    "fedora": (
        "/etc/locale.conf",
        "/etc/NetworkManager/system-connections/eth0.nmconnection",
        "/etc/default/grub",
    ),
    "debian": ("/etc/default/locale", "/etc/network/interfaces", "/boot/grub/grub.cfg"),
    "ubuntu": ("/etc/default/locale", "/etc/netplan/90-eth0.yaml", "/boot/grub/grub.cfg"),
}


@pytest.mark.parametrize("name", PLANNED)
def test_settings_are_planned_for_every_family(name: str) -> None:
    orders = [order for order in EVERYTHING if order[0] != "--service" or len(PLANNED[name]) == 4]
    words = [word for order in (*orders, ("--user", "web")) for word in order]
    ran = imgtools("customize", str(fixture_image(name)), *words, "--json")
    assert ran.code == 0, ran.err
    paths = {change["path"] for change in ran.data["changes"]}
    assert paths >= {"/etc/hostname", "/etc/hosts", "/etc/passwd", "/etc/shadow", "/home/web", *PLANNED[name]}
