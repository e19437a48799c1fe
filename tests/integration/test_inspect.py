"""imgtools inspect on every fixture: real tables, volumes and filesystems below it."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from tests.support.command import imgtools
from tests.support.fixtures import fixture, fixture_disks


@dataclass(frozen=True)
class Expected:
    """What must come out for one fixture."""

    os: dict[str, Any]
    mounts: dict[str, str]
    kernel: str = ""
    loader: str = ""
    firmware: str = ""
    package: str = ""
    network: str = ""


def _debian(hostname: str, **more: Any) -> dict[str, Any]:
    return {
        "distro": "debian", "major": 12, "minor": 5, "arch": "x86_64", "hostname": hostname, "osinfo": "debian12",
        "package_format": "deb", "package_management": "apt", **more,
    }  # fmt: skip


FIXTURES = {
    "debian": Expected(
        _debian("debian-fixture"),
        {"/": "/dev/sda3", "/boot": "/dev/sda2"},
        kernel="6.1.0-18-amd64", loader="grub2", firmware="bios", package="bash 5.2.15-2+b2",
    ),
    "ubuntu": Expected(
        {"distro": "ubuntu", "major": 22, "minor": 4, "osinfo": "ubuntu22.04", "families": ["ubuntu", "debian"]},
        {"/": "/dev/sda1", "/boot/efi": "/dev/sda15"},
        kernel="5.15.0-101-generic", loader="grub2", firmware="bios+uefi", network="netplan",
    ),
    "alpine": Expected(
        {"distro": "alpinelinux", "major": 3, "minor": 19, "package_management": "apk", "hostname": "alpine-fixture"},
        {"/": "/dev/sda3", "/boot": "/dev/sda1"},
        kernel="6.6.16-0-virt", loader="extlinux", firmware="bios", package="busybox 1.36.1-15", network="ifupdown",
    ),
    "arch": Expected(
        {"distro": "archlinux", "package_format": "pacman", "build_id": "rolling", "osinfo": "archlinux"},
        {"/": "/dev/sda2", "/boot": "/dev/sda1"},
        kernel="6.7.6-arch1-2", loader="systemd-boot", firmware="uefi", package="linux 6.7.6.arch1-2",
    ),
    "amazon": Expected(
        {"distro": "amzn", "major": 2, "package_format": "rpm", "package_management": "yum", "osinfo": "amzn2"},
        {"/": "/dev/sda1"},
        kernel="4.14.336-257.562.amzn2.x86_64", loader="grub2", firmware="bios", package="bash 4.2.46-34.amzn2",
        network="ifcfg",
    ),
    "rocky": Expected(
        {"distro": "rocky", "major": 9, "minor": 3, "families": ["rocky", "rhel", "centos", "fedora"]},
        {"/": "/dev/rl_rocky/root", "/boot": "/dev/sda2", "/boot/efi": "/dev/sda1", "/home": "/dev/rl_rocky/home"},
        kernel="5.14.0-362.24.1.el9_3.x86_64", loader="grub2", firmware="uefi", package="bash 5.1.8-6.el9_1",
        network="networkmanager",
    ),
    "rhel6": Expected(
        {"distro": "rhel", "major": 6, "minor": 10, "osinfo": "rhel6.10", "package_management": "yum"},
        {"/": "/dev/sda2", "/boot": "/dev/sda1"},
        kernel="2.6.32-754.el6.x86_64", loader="grub-legacy", firmware="bios", package="bash 4.1.2-48.el6",
        network="ifcfg",
    ),
    "lvm": Expected(
        _debian("lvm-fixture"),
        {"/": "/dev/vg_main/root", "/boot": "/dev/sda1", "/home": "/dev/vg_main/home", "/srv": "/dev/vg_data/srv-data"},
    ),
    "mbr-logical": Expected(
        _debian("logical"),
        {"/": "/dev/sda5", "/boot": "/dev/sda1", "/data": "/dev/sda6", "/srv": "/dev/sda7"},
    ),
    "multidisk": Expected(
        _debian("multidisk"), {"/": "/dev/vg_multi/root", "/boot": "/dev/sda1", "/srv": "/dev/vg_multi/srv"}
    ),
    "windows": Expected(
        {"type": "windows", "distro": "windows", "product_name": "Windows 10 Pro", "hostname": "WIN10-FIXTURE"},
        {"/": "/dev/sda2", "/D:": "/dev/sda3"},
        firmware="bios", package="7-Zip 23.01 (x64) 23.01",
    ),
    "windows11": Expected({"type": "windows", "osinfo": "win11"}, {"/": "/dev/sda3"}, firmware="uefi"),
}  # fmt: skip


def _disks(name: str) -> list[str | Path]:
    first, *others = fixture_disks(name)
    return [first, *(word for disk in others for word in ("-a", disk))]


def _names(guest: dict[str, Any]) -> set[str]:
    return {
        f"{one['display_name'] or one['name']} {'-'.join(filter(None, (one['version'], one['release'])))}"
        for one in guest["applications"]
    }


def assert_expected(guest: dict[str, Any], wanted: Expected) -> None:
    assert {name: guest["os"][name] for name in wanted.os} == wanted.os
    assert {mount["path"]: mount["device"] for mount in guest["mounts"]} == wanted.mounts
    default = [kernel["version"] for kernel in guest["boot"]["kernels"] if kernel["default"]]
    if wanted.kernel:
        assert default == [wanted.kernel]
    for name, value in (("loader", wanted.loader), ("firmware", wanted.firmware)):
        assert not value or guest["boot"][name] == value
    if wanted.package:
        assert wanted.package in _names(guest)
    if wanted.network:
        assert guest["network"]["family"] == wanted.network


def _digests(name: str) -> list[str]:
    return [hashlib.file_digest(disk.open("rb"), "sha256").hexdigest() for disk in fixture_disks(name)]


@pytest.mark.parametrize("name", FIXTURES)
def test_a_fixture_is_inspected_without_booting_and_unchanged(name: str) -> None:
    before = _digests(name)
    ran = imgtools("inspect", "--json", *_disks(name))
    assert ran.json["engine"] == "direct"
    (guest,) = ran.data["guests"]
    assert_expected(guest, FIXTURES[name])
    assert _digests(name) == before


def test_both_systems_of_a_multiboot_disk() -> None:
    image = fixture("multiboot").image
    guests = imgtools("inspect", "--json", image).data["guests"]
    assert [(guest["root"], guest["os"]["distro"]) for guest in guests] == [
        ("/dev/sda1", "debian"),
        ("/dev/sda2", "alpinelinux"),
    ]
    (chosen,) = imgtools("inspect", "--json", "--root", "/dev/sda2", image).data["guests"]
    assert chosen["os"]["hostname"] == "multi-alpine"
    imgtools("cat", image, "/etc/hostname", code=22)


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("blank", "nothing that is known"),
        ("iso", "iso9660"),
        ("unknown", "ext4"),
        ("swap", "swap"),
        ("fat", "vfat"),
    ],
)
def test_without_a_system_the_error_says_what_is_there(name: str, fact: str) -> None:
    ran = imgtools("inspect", fixture(name).image, code=21)
    assert fact in ran.err and not ran.out


def test_an_encrypted_guest_asks_for_its_key() -> None:
    ran = imgtools("inspect", "--engine", "direct", fixture("luks1").image, code=None)
    assert ran.code in (21, 23)
    assert "--key" in ran.err


# -- the appliance ----------------------------------------------------------------------------------------------

OF_MANY_DISKS = {
    "fedora": Expected(
        {"distro": "fedora", "major": 39, "hostname": "fedora-fixture", "product_variant": "Cloud Edition"}, {},
        kernel="6.7.7-200.fc39.x86_64", loader="grub2", firmware="uefi", network="networkmanager",
    ),
    "opensuse": Expected(
        {"distro": "opensuse", "major": 15, "minor": 5, "package_management": "zypper"}, {},
        kernel="5.14.21-150500.55.49-default", loader="grub2", network="wicked", package="bash 4.4-150400.25.22",
    ),
    "md": Expected(_debian("md-fixture"), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", ["fedora", "opensuse"])
def test_a_guest_on_btrfs_is_inspected_without_booting(name: str) -> None:
    ran = imgtools("inspect", "--json", *_disks(name))
    assert ran.json["engine"] == "direct"
    (guest,) = ran.data["guests"]
    mounts = {mount["path"]: mount["device"] for mount in guest["mounts"]}
    assert mounts["/"] == guest["root"] and mounts["/home"].endswith("/home")
    assert_expected({**guest, "mounts": []}, OF_MANY_DISKS[name])


@pytest.mark.parametrize("engine", ["direct", pytest.param("appliance", marks=pytest.mark.appliance)])
def test_btrfs_and_md_guests_are_disks_of_one_machine(engine: str) -> None:
    """Three guests as three disks of one machine: one launch or none, and each with its own root."""
    first, *others = [disk for name in OF_MANY_DISKS for disk in fixture_disks(name)]
    words = ("--engine", engine, *(word for disk in others for word in ("-a", disk)))
    ran = imgtools("inspect", "--json", first, *words)
    assert ran.json["engine"] == engine
    guests = {guest["os"]["hostname"]: guest for guest in ran.data["guests"]}
    assert set(guests) == {"fedora-fixture", "suse-fixture", "md-fixture"}
    for guest, wanted in zip(
        ("fedora-fixture", "suse-fixture", "md-fixture"), OF_MANY_DISKS.values(), strict=True
    ):
        mounts = {mount["path"]: mount["device"] for mount in guests[guest]["mounts"]}
        assert mounts["/"] == guests[guest]["root"]
        assert_expected({**guests[guest], "mounts": []}, wanted)
    suse = {mount["path"]: mount["device"] for mount in guests["suse-fixture"]["mounts"]}
    assert suse["/home"].endswith("/@/home")
    fedora = {mount["path"]: mount["device"] for mount in guests["fedora-fixture"]["mounts"]}
    assert fedora["/home"].endswith("/home")


# Where we say more or better than virt-inspector 1.48: it takes Debian's product name from debian_version.
# fmt: off
SAME = (
    "name", "arch", "distro", "major_version", "minor_version", "package_format", "package_management", "hostname",
    "osinfo", "windows_systemroot", "windows_current_control_set",
)
# fmt: on
SAME_OF_APPLICATIONS = ("name", "display_name", "epoch", "version", "arch", "install_path", "url")


def _applications(top: Element) -> set[tuple[str, ...]]:
    found = top.findall("applications/application")
    return {tuple(one.findtext(name, "") for name in SAME_OF_APPLICATIONS) for one in found}


def _filesystems(top: Element) -> dict[str, tuple[str, ...]]:
    return {
        one.get("dev", ""): tuple(one.findtext(name, "") for name in ("type", "label", "uuid"))
        for one in top.findall("filesystems/filesystem")
    }


def _mounts(top: Element) -> dict[str, str]:
    return {one.text or "": one.get("dev", "") for one in top.findall("mountpoints/mountpoint")}


@pytest.mark.appliance
def test_xml_says_what_virt_inspector_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBGUESTFS_BACKEND_SETTINGS", "force_tcg")
    disks = [disk for name in ("debian", "alpine", "arch", "windows") for disk in fixture_disks(name)]
    words = [word for disk in disks for word in ("-a", str(disk))]
    theirs = fromstring(
        subprocess.run(["virt-inspector", "--no-icon", *words], check=True, capture_output=True).stdout
    )
    ours = fromstring(imgtools("inspect", "--xml", "--no-icon", disks[0], *words[2:]).out)
    by_root = {one.findtext("root"): one for one in ours}
    assert len(theirs) == 4
    for one in theirs:
        mine = by_root[one.findtext("root")]
        assert {name: mine.findtext(name) for name in SAME} == {name: one.findtext(name) for name in SAME}
        # It passes over the last package of a status file that does not end in an empty line.
        assert _applications(one) <= _applications(mine)
        assert len(_applications(mine)) <= len(_applications(one)) + 1
        assert _filesystems(one).items() <= _filesystems(mine).items()
        assert _mounts(one).items() <= _mounts(mine).items()
        drives = [
            [(drive.get("name"), drive.text) for drive in top.iter("drive_mapping")] for top in (mine, one)
        ]
        assert drives[0] == drives[1]
