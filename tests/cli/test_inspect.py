"""imgtools inspect as a person, a script and virt-inspector's users see it."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest

from imgtools.cli.inspect import command
from imgtools.cli.output.output import Output
from imgtools.guest.boot.bootloader import Boot
from imgtools.guest.settings.facts import PNG
from imgtools.records.disks import Layout
from imgtools.records.packages import Application
from imgtools.records.request import Engine
from imgtools.records.system import OsInfo, OsType
from imgtools.reports.inspect_xml import inspect_xml, plain
from imgtools.workflows.inspect import (
    DriveRow,
    FilesystemRow,
    InspectedGuest,
    InspectReport,
    MountRow,
    WindowsRow,
)
from tests.support.command import imgtools
from tests.support.guests import YESCRYPT, debian_image
from tests.support.images import Files, memory_image, partitioned
from tests.support.memory import memory_volume, serve

GOLDEN = Path(__file__).parent.parent / "golden"
# virt-inspector's RNG schema, as far as order and number go: element -> (children in order, one or many of each).
# fmt: off
FACTS = [
    "root", "name", "arch", "distro", "product_name", "product_variant", "major_version", "minor_version",
    "package_format", "package_management", "windows_systemroot", "windows_current_control_set",
    "windows_group_policy", "hostname",
    "build_id", "osinfo", "mountpoints", "filesystems", "drive_mappings", "applications", "icon",
]
APPLICATION = [
    "name", "display_name", "epoch", "version", "release", "arch", "install_path", "publisher", "url",
    "source_package", "summary", "description",
]
# fmt: on
CHILDREN = {
    "operatingsystem": FACTS,
    "mountpoints": ["mountpoint"],
    "filesystems": ["filesystem"],
    "filesystem": ["type", "label", "uuid"],
    "drive_mappings": ["drive_mapping"],
    "applications": ["application"],
    "application": APPLICATION,
    "operatingsystems": ["operatingsystem"],
}
MANY = {"mountpoint", "filesystem", "drive_mapping", "application", "operatingsystem"}
ATTRIBUTES = {"mountpoint": {"dev"}, "filesystem": {"dev"}, "drive_mapping": {"name"}}


def assert_like_virt_inspector(element: Element) -> None:
    """Check one element and all below it against the schema of virt-inspector."""
    allowed = CHILDREN.get(element.tag, [])
    names = [child.tag for child in element]
    assert names == sorted(names, key=allowed.index), f"{element.tag}: {names}"
    assert all(name in MANY or names.count(name) == 1 for name in names), f"{element.tag}: {names}"
    assert set(element.attrib) == ATTRIBUTES.get(element.tag, set())
    for child in element:
        assert_like_virt_inspector(child)


@pytest.fixture
def debian(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, "inspect", debian_image())


@pytest.mark.usefixtures("debian")
def test_json_is_the_golden_document() -> None:
    document = imgtools("inspect", "--json", "memory.img").json
    golden = GOLDEN / "inspect-debian.json"
    if "UPDATE_GOLDEN" in os.environ:
        golden.write_text(json.dumps(document, indent=2) + "\n")
    assert document == json.loads(golden.read_text())
    assert document["schema"] == "imgtools.inspect/1"
    assert YESCRYPT not in json.dumps(document)


@pytest.mark.usefixtures("debian")
def test_a_pipe_gets_a_line_for_every_fact() -> None:
    lines = [line.split("\t") for line in imgtools("inspect", "memory.img").out.splitlines()]
    assert all(len(cells) == 2 for cells in lines)
    for fact in (
        ["root", "/dev/sda2"],
        ["distro", "debian"],
        ["product_name", "Debian GNU/Linux 12 (bookworm)"],
        ["mount", "/boot /dev/sda1"],
        ["boot.default_kernel", "6.1.0-18-amd64"],
        ["start.enabled", "ssh.service"],
        ["settings.cloud_init.installed", "no"],
        ["user", "ann"],
        ["application", "bash 5.2.15-2+b2"],
    ):
        assert fact in lines


@pytest.mark.usefixtures("debian")
def test_xml_answers_the_usual_queries() -> None:
    top = fromstring(imgtools("inspect", "--xml", "memory.img").out)
    assert_like_virt_inspector(top)
    assert top.findtext("operatingsystem/root") == "/dev/sda2"
    assert [element.get("dev") for element in top.findall(".//filesystem")] == [
        "/dev/sda1",
        "/dev/sda2",
        "/dev/sda3",
    ]
    assert [element.text for element in top.findall(".//application/name")] == ["bash", "bind9-host"]
    assert top.findtext(".//application[name='bind9-host']/epoch") == "1"
    assert top.findtext(".//filesystem[@dev='/dev/sda2']/type") == "ext4"
    assert [(one.get("dev"), one.text) for one in top.iter("mountpoint")] == [
        ("/dev/sda2", "/"),
        ("/dev/sda1", "/boot"),
    ]
    assert base64.b64decode(top.findtext(".//icon", "")).startswith(PNG)
    assert top.findtext(".//osinfo") == "debian12"


def test_xml_lists_what_the_fstab_uses_there_or_not_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """As inspect-fs-unix.c of libguestfs: /dev/sdb1 is listed by its name although no disk has it."""
    fstab = (
        "/dev/sda2 / ext4\n/dev/sdb1 /data xfs\nUUID=5a9 none swap\nUUID=gone none swap\ntmpfs /tmp tmpfs\n"
    )
    root, swap, spare = (
        memory_volume("/dev/sda2"),
        memory_volume("/dev/sda3", "swap", uuid="5a9"),
        memory_volume("/dev/sda4"),
    )
    idle = memory_volume("/dev/sda5", "swap", uuid="1d1e")
    files: Files = {"/etc/fstab": fstab, "/etc/os-release": "ID=debian\n", "/bin/sh": "", "/usr/bin/x": ""}
    image = memory_image(
        {root: files, spare: {"/x": ""}}, Layout((partitioned(*"12345"),), volumes=(root, swap, spare, idle))
    )
    serve(monkeypatch, "inspect", image)
    top = fromstring(imgtools("inspect", "--xml", "memory.img").out)
    assert_like_virt_inspector(top)
    assert [one.get("dev") for one in top.iter("filesystem")] == [
        "/dev/sda2",
        "/dev/sda3",
        "/dev/sdb1",
        "UUID=gone",
    ]
    assert [(one.get("dev"), one.text) for one in top.iter("mountpoint")] == [
        ("/dev/sda2", "/"),
        ("/dev/sdb1", "/data"),
    ]
    guest = imgtools("inspect", "--json", "memory.img").data["guests"][0]
    assert {one["device"]: one["used"] for one in guest["filesystems"]} == {
        "/dev/sda2": True, "/dev/sda3": True, "/dev/sda4": False, "/dev/sda5": False
    }  # fmt: skip


@pytest.mark.usefixtures("debian")
def test_packages_and_picture_may_be_left_out() -> None:
    top = fromstring(imgtools("inspect", "--xml", "--no-applications", "--no-icon", "memory.img").out)
    assert top.find(".//applications") is None and top.find(".//icon") is None
    guest = imgtools("inspect", "--json", "--no-applications", "--no-icon", "memory.img").data["guests"][0]
    assert (guest["applications"], guest["icon"]) == (None, None)


def test_windows_in_xml_has_drives_and_its_own_elements() -> None:
    os_info = OsInfo(
        OsType.WINDOWS, "windows", product_name="Windows 7 Pro", product_variant="Client", major=6, minor=1,
        arch="x86_64", windows_systemroot="/Windows", windows_current_control_set="ControlSet001", osinfo="win7",
    )  # fmt: skip
    guest = InspectedGuest(
        root="/dev/sda2", os=os_info, mounts=(MountRow("/", "/dev/sda2", "ntfs", ""),),
        filesystems=(FilesystemRow("/dev/sda2", "ntfs", "", "01", "", 1),),
        drives=(DriveRow("D", "/dev/sdb1"), DriveRow("C", "/dev/sda2")),
        applications=(Application("x", display_name="X \x1b[31m", install_path="C:\\X"),),
        users=(), boot=Boot(), start=None, settings=None, selinux=None, network=None, icon=None,
        windows=WindowsRow("", "", "", None, "", None, "", None, True, False),
    )  # fmt: skip
    top = fromstring(inspect_xml(InspectReport("x", Engine.DIRECT, (guest,))))
    assert_like_virt_inspector(top)
    assert [(one.get("name"), one.text) for one in top.iter("drive_mapping")] == [
        ("C", "/dev/sda2"),
        ("D", "/dev/sdb1"),
    ]
    assert top.findtext(".//windows_current_control_set") == "ControlSet001"
    assert top.findtext(".//application/display_name") == "X \ufffd[31m"
    assert top.find(".//package_format") is None
    assert top.find(".//windows_group_policy") is not None


def test_xml_holds_only_what_xml_can_hold() -> None:
    assert plain("a\x00b\x1bc\udcffd\ufffee\tf\n") == "a\ufffdb\ufffdc\ufffdd\ufffde\tf\n"


def test_a_guests_escape_sequences_do_not_reach_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, "inspect", debian_image({"/etc/hostname": "evil\x1b]0;owned\x07\n"}))
    for words in ((), ("--json",), ("--xml",)):
        out = imgtools("inspect", *words, "memory.img").out
        assert "\x1b" not in out and "\x07" not in out


def test_warnings_go_to_stderr_and_into_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, "inspect", debian_image({"/etc/passwd": "odd\n"}))
    ran = imgtools("inspect", "--json", "memory.img")
    assert ran.json["warnings"][0]["text"].startswith("/etc/passwd, line 1")
    assert "warning: /etc/passwd, line 1" in imgtools("inspect", "--xml", "memory.img").err


def test_no_guest_has_its_exit_code_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, "inspect", memory_image({memory_volume("/dev/sda1", "crypto_LUKS"): {}}))
    ran = imgtools("inspect", "memory.img", code=23)
    assert "/dev/sda1 is encrypted" in ran.err and "--key /dev/sda1:file:PATH" in ran.err
    assert not re.search(r"\S", ran.out)


def test_xml_and_json_do_not_go_together() -> None:
    imgtools("inspect", "--xml", "--json", "memory.img", code=2)


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_person_gets_sections_without_system_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    image = debian_image({"/etc/hostname": "evil\x1b[31m\n"})
    request = serve(monkeypatch, "inspect", image)
    terminal = Terminal()
    command(request, Output(stdout=terminal))
    shown = terminal.getvalue()
    for text in (
        "Debian GNU/Linux 12 (bookworm) on /dev/sda2",
        "debian 12.5",
        "/boot",
        "/dev/sda1  ext4",
        "/dev/sda3",
        "6.1.0-18-amd64 (default)",
        "Europe/Berlin",
        "set (yescrypt)",
        "bash, bind9-host",
        r"evil\x1b[31m",
    ):
        assert text in shown, text
    assert "sshd" not in shown and "evil\x1b" not in shown
