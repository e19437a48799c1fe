"""The facts of a Linux guest that need more than its release files."""

from __future__ import annotations

import struct

import pytest

from imgtools.guest.find.architecture import elf_architecture, find_architecture
from imgtools.guest.find.linux import families_of, find_hostname, is_linux_root
from imgtools.guest.find.release import Release
from tests.support.memory import Content, directory, link, memory_files


def _elf(bits: int, order: str, machine: int) -> bytes:
    head = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    return head + struct.pack(order + "HH", 3, machine)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (_elf(64, "<", 62), "x86_64"),
        (_elf(32, "<", 3), "i386"),
        (_elf(64, "<", 183), "aarch64"),
        (_elf(32, "<", 40), "arm"),
        (_elf(64, "<", 21), "ppc64le"),
        (_elf(64, ">", 21), "ppc64"),
        (_elf(32, ">", 20), "ppc"),
        (_elf(64, ">", 22), "s390x"),
        (_elf(32, ">", 22), "s390"),
        (_elf(64, "<", 243), "riscv64"),
        (_elf(64, "<", 258), "loongarch64"),
        (_elf(64, "<", 50), "ia64"),
        (_elf(64, ">", 43), "sparc64"),
        (_elf(32, "<", 8), "mipsel"),
        (_elf(64, "<", 65000), ""),
        (b"#!/bin/sh\n" + bytes(20), ""),
        (b"\x7fELF", ""),
        (b"", ""),
    ],
)
def test_the_architecture_of_an_elf_file(head: bytes, name: str) -> None:
    assert elf_architecture(head) == name


def test_links_are_followed_and_scripts_passed_over() -> None:
    files: dict[str, Content] = {
        "/bin": link("usr/bin"),
        "/usr/bin/bash": "#!/bin/true\n",
        "/usr/bin/ls": link("../../nix/store/ls"),
        "/nix/store/ls": _elf(64, "<", 183),
    }
    assert find_architecture(memory_files(files)) == "aarch64"
    assert find_architecture(memory_files({"/bin/sh": link("/bin/sh")})) == "unknown"


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"/etc/fstab": "", "/bin": directory()}, True),
        ({"/etc/hosts": "", "/bin": link("usr/bin")}, True),
        ({"/etc/os-release": link("../usr/lib/os-release"), "/bin": link("usr/bin")}, True),
        ({"/usr/lib/os-release": "", "/etc": directory(), "/bin": link("usr/bin")}, True),
        ({"/etc/fstab": ""}, False),
        ({"/bin": directory(), "/etc": directory()}, False),
        ({"/etc": "a file", "/bin": directory()}, False),
        ({}, False),
    ],
)
def test_what_makes_a_linux_root(files: dict[str, Content], wanted: bool) -> None:
    assert is_linux_root(memory_files(files)) is wanted


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"/etc/hostname": "# comment\n\n mail.example.org \n"}, "mail.example.org"),
        ({"/etc/HOSTNAME": "suse"}, "suse"),
        ({"/etc/sysconfig/network": "NETWORKING=yes\nHOSTNAME=old.example.org\n"}, "old.example.org"),
        ({"/etc/conf.d/hostname": 'hostname="gentoo"\n'}, "gentoo"),
        ({"/etc/hostname": ""}, ""),
        ({"/etc/hostname": "x" * 5000}, "x" * 255),
    ],
)
def test_the_host_name(files: dict[str, Content], name: str) -> None:
    assert find_hostname(memory_files(files)) == name


def test_who_does_not_say_what_it_is_like_is_like_those_with_its_packages() -> None:
    assert families_of(Release("openeuler"), "rpm") == ("openeuler", "fedora")
    assert families_of(Release("photon"), "rpm") == ("photon", "fedora")
    assert families_of(Release("proxmox"), "deb") == ("proxmox", "debian")
    assert families_of(Release("rocky", ("rhel",)), "rpm") == ("rocky", "rhel", "fedora")
    assert families_of(Release("sles"), "rpm") == ("sles", "suse")
