"""The manual procedure for preparing a guest for cloning, line by line, on a Red Hat guest as the guide describes it.

The guide is Red Hat's on virtualization, "Preparing virtual machines for cloning". Each test is one of its lines;
the wizard of version 7 is tested with the operation flag-reconfiguration.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imgtools.files.tree import GuestReader
from imgtools.guest.guest import the_guest
from imgtools.image.handle import open_request
from imgtools.records.image import DiskSource
from imgtools.records.request import Engine, ImageRequest
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image

IFCFG = "/etc/sysconfig/network-scripts/ifcfg-eth0"
COPIES = (
    "/etc/sysconfig/networking/devices/ifcfg-eth0",
    "/etc/sysconfig/networking/profiles/default/ifcfg-eth0",
)


@contextmanager
def files_of(image: Path) -> Iterator[GuestReader]:
    with open_request(ImageRequest((DiskSource(image),), engine=Engine.DIRECT)) as opened:
        yield the_guest(opened).files


@pytest.fixture(scope="module")
def before() -> Iterator[GuestReader]:
    """The files of the guest as it was used."""
    with files_of(fixture_image("rhel6")) as files:
        yield files


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuestReader]:
    """The files of the guest once it is prepared, with the wizard asked for."""
    folder = tmp_path_factory.mktemp("guide")
    image, template = copy_fixture("rhel6", folder)[0], folder / "template.qcow2"
    words = ("--operations", "defaults,flag-reconfiguration", "--output", template, "-O", "qcow2")
    imgtools("sysprep", image, *words)
    with files_of(template) as files:
        yield files


def settings(files: GuestReader, path: str) -> dict[str, str]:
    """The settings of an ifcfg file, unquoted."""
    lines = (line.partition("=") for line in files.read_text(path).splitlines() if "=" in line)
    return {name: value.strip("\"'") for name, _, value in lines}


def names(files: GuestReader, pattern: str) -> list[str]:
    return list(files.glob(pattern))


def test_1_udev_has_no_persistent_net_rules(before: GuestReader, after: GuestReader) -> None:
    """Else the first network card of the clone becomes eth1."""
    rules = "/etc/udev/rules.d/70-persistent-net.rules"
    assert before.is_file(rules) and not after.exists(rules)


@pytest.mark.parametrize("setting", ["HWADDR", "NETWORK", "NETMASK", "IPADDR", "USERCTL", "UUID", "GATEWAY"])
def test_2_ifcfg_has_nothing_unique(setting: str, before: GuestReader, after: GuestReader) -> None:
    assert setting in settings(before, IFCFG)
    assert setting not in settings(after, IFCFG)


def test_2_ifcfg_keeps_device_dhcp_and_onboot(after: GuestReader) -> None:
    left = settings(after, IFCFG)
    assert {name: left[name] for name in ("DEVICE", "BOOTPROTO", "ONBOOT")} == {
        "DEVICE": "eth0",
        "BOOTPROTO": "dhcp",
        "ONBOOT": "yes",
    }
    assert set(left) == {"DEVICE", "BOOTPROTO", "ONBOOT", "NM_CONTROLLED", "TYPE"}


@pytest.mark.parametrize("path", COPIES)
def test_2_the_copies_of_ifcfg_say_the_same(path: str, before: GuestReader, after: GuestReader) -> None:
    assert "HWADDR" in settings(before, path)
    assert settings(after, path).items() <= settings(after, IFCFG).items()


def test_2_networkmanager_keeps_nothing_of_its_own(before: GuestReader, after: GuestReader) -> None:
    for pattern in ("/var/lib/NetworkManager/*", "/etc/NetworkManager/system-connections/*"):
        assert names(after, pattern) == []
    assert names(before, "/var/lib/NetworkManager/*")


def test_3_the_registration_at_rhn_is_gone(before: GuestReader, after: GuestReader) -> None:
    assert before.is_file("/etc/sysconfig/rhn/systemid") and not after.exists("/etc/sysconfig/rhn/systemid")


@pytest.mark.parametrize("folder", ["/etc/pki/consumer", "/etc/pki/entitlement"])
def test_3_the_subscription_is_cleaned(folder: str, before: GuestReader, after: GuestReader) -> None:
    """As subscription-manager clean: the original stays registered, the folders stay."""
    assert names(before, f"{folder}/*")
    assert after.is_dir(folder) and names(after, f"{folder}/*") == []


def test_4_ssh_host_keys_are_gone(before: GuestReader, after: GuestReader) -> None:
    assert names(before, "/etc/ssh/ssh_host_*") and names(after, "/etc/ssh/ssh_host_*") == []


def test_4_no_other_identifier_that_would_clash(before: GuestReader, after: GuestReader) -> None:
    for path in (
        "/var/lib/dbus/machine-id",
        "/etc/iscsi/initiatorname.iscsi",
        "/etc/krb5.keytab",
        "/etc/hostid",
    ):
        assert before.exists(path) and not after.exists(path), path


def test_5_the_wizard_comes_at_the_next_boot(before: GuestReader, after: GuestReader) -> None:
    """Version 6 and older look for an empty /.unconfigured, firstboot for its own file."""
    assert not before.exists("/.unconfigured") and after.stat("/.unconfigured").size == 0
    assert before.read_text("/etc/sysconfig/firstboot") == "RUN_FIRSTBOOT=NO\n"
    assert after.read_text("/etc/sysconfig/firstboot") == "RUN_FIRSTBOOT=YES\n"


def test_5_the_clone_has_no_name_yet(before: GuestReader, after: GuestReader) -> None:
    assert "HOSTNAME" in settings(before, "/etc/sysconfig/network")
    assert settings(after, "/etc/sysconfig/network") == {"NETWORKING": "yes"}
