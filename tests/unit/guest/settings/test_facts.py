"""Machine id, time zone, language, cloud-init, agents and the picture."""

from __future__ import annotations

import pytest

from imgtools.guest.settings.facts import (
    PNG,
    CloudInit,
    find_icon,
    find_machine_id,
    find_settings,
    find_timezone,
)
from tests.support.memory import Content, link, memory_files


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"/etc/machine-id": "0123456789abcdef0123456789abcdef\n"}, "0123456789abcdef0123456789abcdef"),
        ({"/etc/machine-id": ""}, "empty"),
        ({"/etc/machine-id": "uninitialized\n"}, "uninitialized"),
        ({"/var/lib/dbus/machine-id": "abc\n"}, "abc"),
        ({}, "missing"),
    ],
)
def test_the_machine_id_or_why_there_is_none(files: dict[str, Content], wanted: str) -> None:
    assert find_machine_id(memory_files(files)) == wanted


@pytest.mark.parametrize(
    ("files", "zone"),
    [
        (
            {"/etc/localtime": link("/usr/share/zoneinfo/Europe/Berlin"), "/etc/timezone": "Etc/UTC\n"},
            "Europe/Berlin",
        ),
        ({"/etc/localtime": link("../usr/share/zoneinfo/UTC")}, "UTC"),
        ({"/etc/localtime": "TZif", "/etc/timezone": "America/New_York\n"}, "America/New_York"),
        ({"/etc/sysconfig/clock": 'ZONE="Asia/Tokyo"\n'}, "Asia/Tokyo"),
        ({}, ""),
    ],
)
def test_the_time_zone(files: dict[str, Content], zone: str) -> None:
    assert find_timezone(memory_files(files)) == zone


def test_the_rest() -> None:
    files: dict[str, Content] = {
        "/etc/default/locale": "LANG=de_DE.UTF-8\n",
        "/etc/default/keyboard": 'XKBLAYOUT="de"\n',
        "/usr/bin/cloud-init": "",
        "/etc/cloud/cloud-init.disabled": "",
        "/var/lib/cloud/instance": link("/var/lib/cloud/instances/i-0abc"),
        "/usr/sbin/qemu-ga": "",
        "/etc/ssh/ssh_host_rsa_key.pub": "x",
        "/etc/ssh/ssh_host_rsa_key": "x",
    }
    found = find_settings(memory_files(files))
    assert (found.locale, found.keymap) == ("de_DE.UTF-8", "de")
    assert found.cloud_init == CloudInit(True, True, "i-0abc")
    assert found.agents == ("qemu-guest-agent",)
    assert found.ssh_host_keys == ("/etc/ssh/ssh_host_rsa_key.pub",)


def test_the_picture_is_a_png_of_the_distribution_else_the_favicon() -> None:
    logo, favicon = PNG + b"logo", PNG + b"favicon"
    files = {"/usr/share/pixmaps/debian-logo.png": logo, "/etc/favicon.png": favicon}
    assert find_icon(memory_files(files), ("ubuntu", "debian")) == logo
    assert find_icon(memory_files(files), ("rhel",)) == favicon
    named = {**files, "/usr/share/icons/hicolor/96x96/apps/my-logo.png": PNG + b"mine"}
    assert find_icon(memory_files(named), ("debian",), "my-logo") == PNG + b"mine"
    assert find_icon(memory_files(named), ("debian",), "../../../etc/x") == logo


def test_what_is_no_picture_or_too_large_is_none() -> None:
    assert find_icon(memory_files({"/etc/favicon.png": "<html>"}), ()) == b""
    assert find_icon(memory_files({"/etc/favicon.png": PNG + bytes(1 << 21)}), ()) == b""
