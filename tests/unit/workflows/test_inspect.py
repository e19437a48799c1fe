"""Inspection of whole guests: every section, several guests, damaged files."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from imgtools.errors import NoGuest
from imgtools.guest.services.started import Init
from imgtools.image.handle import Image
from imgtools.records.request import Engine
from imgtools.workflows.inspect import InspectReport, StartRow, Wanted, inspect
from tests.support.guests import DEBIAN_ROOT, YESCRYPT, debian_image
from tests.support.images import memory_image
from tests.support.memory import Content, memory_volume, serve


def _inspect(monkeypatch: pytest.MonkeyPatch, image: Image, wanted: Wanted | None = None) -> InspectReport:
    return inspect(serve(monkeypatch, "inspect", image), wanted)


def test_every_section_of_a_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    report = _inspect(monkeypatch, debian_image())
    (guest,) = report.guests
    assert report.warnings == ()
    assert (guest.root, guest.os.product_name) == ("/dev/sda2", "Debian GNU/Linux 12 (bookworm)")
    assert [(row.path, row.device) for row in guest.mounts] == [("/", "/dev/sda2"), ("/boot", "/dev/sda1")]
    assert [(row.device, row.content) for row in guest.filesystems] == [
        ("/dev/sda1", "ext4"),
        ("/dev/sda2", "ext4"),
        ("/dev/sda3", "swap"),
    ]
    assert [(one.name, one.version) for one in guest.applications or ()] == [
        ("bash", "5.2.15"),
        ("bind9-host", "9.18.24"),
    ]
    (kernel,) = guest.boot.kernels
    assert (kernel.default, kernel.cmdline, kernel.drivers) == (
        True,
        "root=UUID=0000-d00d ro quiet",
        ("virtio_blk",),
    )
    assert (guest.boot.loader, guest.boot.firmware) == ("grub2", "bios")
    assert guest.start == StartRow(Init.SYSTEMD, "graphical.target", ("ssh.service",))
    assert guest.settings is not None and guest.settings.timezone == "Europe/Berlin"
    assert guest.network is not None and guest.network.family == "ifupdown"
    assert guest.selinux is not None and guest.selinux.mode == ""
    assert guest.icon is not None and guest.icon.endswith(b"swirl")
    assert guest.windows is None


def test_users_without_their_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    report = _inspect(monkeypatch, debian_image())
    root, sshd, ann = report.guests[0].users
    assert (root.administrator, root.password, root.can_log_in) == (True, "locked", True)
    assert (sshd.administrator, sshd.password, sshd.can_log_in) == (False, "locked", False)
    assert (ann.administrator, ann.password, ann.password_method, ann.ssh_keys) == (
        True,
        "set",
        "yescrypt",
        1,
    )
    assert (ann.full_name, ann.groups) == ("Ann Example", ("ann", "sudo"))
    assert YESCRYPT not in str(asdict(report))


def test_packages_and_picture_are_not_read_unless_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    image = debian_image({"/var/lib/dpkg/status": b"\xff" * 1000})
    (guest,) = _inspect(monkeypatch, image, Wanted(applications=False, icon=False)).guests
    assert (guest.applications, guest.icon) == (None, None)


def test_a_damaged_file_costs_only_its_own_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    report = _inspect(
        monkeypatch, debian_image({"/etc/passwd": "root:x:0\n", "/etc/fstab": "odd\nUUID=1 /x ext4\n"})
    )
    (guest,) = report.guests
    assert guest.users == ()
    assert len(guest.applications or ()) == 2
    assert [warning.text for warning in report.warnings] == [
        "line 1 does not parse and is ignored",
        "line 2: UUID=1 for /x is not in this image",
        "/etc/passwd, line 1: 3 fields where there should be 7",
    ]


def test_two_guests_and_the_filesystems_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, data = (memory_volume(f"/dev/sda{number}", uuid=f"u{number}") for number in (1, 2, 3))
    image = memory_image(
        {one: DEBIAN_ROOT, two: {**DEBIAN_ROOT, "/etc/hostname": "second\n"}, data: {"/x": ""}}
    )
    report = _inspect(monkeypatch, image)
    assert [guest.os.hostname for guest in report.guests] == ["mail", "second"]
    assert [[row.device for row in guest.filesystems] for guest in report.guests] == [
        ["/dev/sda1", "/dev/sda3"],
        ["/dev/sda2", "/dev/sda3"],
    ]


def test_no_guest_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoGuest, match="ext4"):
        _inspect(monkeypatch, memory_image({memory_volume(): {"/data": ""}}))


def test_the_report_says_who_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    report = _inspect(monkeypatch, debian_image())
    assert (report.image, report.engine) == ("memory.img", Engine.MEMORY)


def test_what_a_diagnosis_would_find_and_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Swap that is not there, and a default kernel without the initial RAM disk that its elder has."""
    root: dict[str, Content] = {
        **DEBIAN_ROOT,
        "/etc/fstab": "UUID=0000-d00d / ext4 defaults 0 1\nUUID=gone none swap sw 0 0\n",
        "/boot/vmlinuz-6.1.0-9-amd64": "",
        "/boot/vmlinuz-6.1.0-18-amd64": "",
        "/boot/initrd.img-6.1.0-9-amd64": "",
    }
    report = _inspect(monkeypatch, memory_image({memory_volume("/dev/sda2", uuid="0000-d00d"): root}))
    assert [(one.path, one.text.partition(",")[0]) for one in report.warnings] == [
        ("/etc/fstab", "line 2: UUID=gone for swap is not in this image"),
        ("/boot/vmlinuz-6.1.0-18-amd64", "the kernel that starts by default"),
    ]
