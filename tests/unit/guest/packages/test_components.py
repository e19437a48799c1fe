"""The components of a guest: each once, with its purl, its licences and its owner."""

from __future__ import annotations

import pytest

from imgtools.errors import OddGuest
from imgtools.guest.guest import Guest
from imgtools.guest.packages.components import Components, find_components
from imgtools.records.components import Component, ComponentKind
from imgtools.records.disks import Holder, Volume
from imgtools.records.system import OsInfo, OsType
from tests.support.memory import Content, link, memory_files

ROOT = Volume("/dev/sda1", Holder.PARTITION, "ext4", "", "", 1 << 30)
OS_RELEASE = """\
ID=debian
VERSION_ID="12"
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
CPE_NAME="cpe:/o:debian:debian_linux:12"
"""
STATUS = """\
Package: bind9-host
Status: install ok installed
Architecture: amd64
Maintainer: Debian DNS Team
Source: bind9 (1:9.18.24-1)
Version: 1:9.18.24-1+b1
Homepage: https://www.isc.org/bind/

Package: grub-pc
Status: install ok installed
Architecture: amd64
Version: 2.06-13

Package: python3-yaml
Status: install ok installed
Architecture: amd64
Version: 6.0-3
"""
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
License: MPL-2.0

Files: x
License: Expat

License: BSD-3-clause
 Redistribution and use ...
"""
YAML = "/usr/lib/python3/dist-packages/PyYAML-6.0.egg-info"
FILES: dict[str, Content] = {
    "/etc/os-release": OS_RELEASE,
    "/var/lib/dpkg/status": STATUS,
    "/var/lib/dpkg/info/python3-yaml.list": f"/.\n/usr\n{YAML}\n",
    "/var/lib/dpkg/info/linux-image-6.1.list": "/boot/vmlinuz-6.1.0-1-amd64\n",
    "/usr/share/doc/bind9-host/copyright": COPYRIGHT,
    "/usr/share/doc/grub-pc/copyright": "On Debian see /usr/share/common-licenses/GPL-3.\n",
    "/boot/vmlinuz-6.1.0-1-amd64": "kernel",
    "/boot/grub/grub.cfg": "",
    YAML: "Name: PyYAML\nVersion: 6.0\n",
    "/srv/venv/lib/site-packages/PyYAML-6.0.1.dist-info/METADATA": "Name: PyYAML\nVersion: 6.0.1\n",
}


def components(files: dict[str, Content], *, allow_partial: bool = False, **os: str) -> Components:
    facts = OsInfo(OsType.LINUX, **{"distro": "debian", "package_format": "deb", "arch": "x86_64", **os})  # type: ignore[arg-type]
    guest = Guest(ROOT, facts, (), memory_files(files))
    return find_components(guest, allow_partial=allow_partial)


def of_kind(found: Components, kind: ComponentKind) -> list[Component]:
    return [one for one in found.components if one.kind is kind]


FOUND = {
    **FILES,
    "/var/lib/dpkg/status": STATUS
    + "\nPackage: linux-image-6.1\nStatus: install ok installed\nVersion: 6.1\n",
}


def test_the_system() -> None:
    (one,) = of_kind(components(FOUND), ComponentKind.SYSTEM)
    assert (one.name, one.version, one.cpe) == ("debian", "12", "cpe:/o:debian:debian_linux:12")


def test_a_package_of_the_distribution() -> None:
    one = of_kind(components(FOUND), ComponentKind.PACKAGE)[0]
    assert (one.name, one.version) == ("bind9-host", "1:9.18.24-1+b1")
    assert one.purl == (
        "pkg:deb/debian/bind9-host@1:9.18.24-1%2Bb1?arch=amd64&distro=debian-12&upstream=bind9%401:9.18.24-1"
    )
    assert one.licenses == ("BSD-3-Clause", "MIT", "MPL-2.0")
    assert (one.source, one.source_version, one.supplier) == ("bind9", "1:9.18.24-1", "Debian DNS Team")


def test_kernel_and_boot_loader_have_their_package() -> None:
    found = components(FOUND)
    (kernel,) = of_kind(found, ComponentKind.KERNEL)
    (loader,) = of_kind(found, ComponentKind.BOOT_LOADER)
    assert (kernel.version, kernel.owner) == ("6.1.0-1-amd64", "linux-image-6.1")
    assert (loader.name, loader.version, loader.owner) == ("grub2", "2.06-13", "grub-pc")


def test_a_package_of_a_language_is_marked_where_the_distribution_brings_it() -> None:
    found = of_kind(components(FOUND), ComponentKind.PYTHON)
    assert [(one.version, one.owner) for one in found] == [("6.0", "python3-yaml"), ("6.0.1", "")]


def test_what_also_lies_elsewhere_has_no_owner() -> None:
    files = {**FOUND, "/opt/PyYAML-6.0.egg-info": "Name: PyYAML\nVersion: 6.0\n"}
    assert of_kind(components(files), ComponentKind.PYTHON)[0].owner == ""


def test_lists_of_before_merged_usr_name_the_owner_too() -> None:
    old = "/lib/python3/dist-packages/PyYAML-6.0.egg-info"
    files = {**FOUND, "/lib": link("usr/lib"), "/var/lib/dpkg/info/python3-yaml.list": f"{old}\n"}
    assert of_kind(components(files), ComponentKind.PYTHON)[0].owner == "python3-yaml"


def test_a_damaged_database_is_refused_and_taken_if_that_is_meant() -> None:
    files = {**FOUND, "/var/lib/dpkg/info/curl.list": "/.\n"}
    with pytest.raises(OddGuest, match="does not know curl") as refused:
        components(files)
    assert "--allow-partial" in refused.value.hint
    found = components(files, allow_partial=True)
    assert len(of_kind(found, ComponentKind.PACKAGE)) == 4
    assert any("curl" in one.text for one in found.warnings)


APK = "C:Q1=\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\nF:usr/lib/x.egg-info\nR:PKG-INFO\n\n"


def test_alpine() -> None:
    files: dict[str, Content] = {
        "/etc/os-release": "ID=alpine\nVERSION_ID=3.18.4\n",
        "/lib/apk/db/installed": APK,
        "/usr/lib/x.egg-info/PKG-INFO": "Name: x\nVersion: 1\n",
    }
    found = components(files, package_format="apk", distro="alpinelinux")
    (one,) = of_kind(found, ComponentKind.PACKAGE)
    assert one.purl == "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.18.4" and one.licenses == (
        "MIT",
    )
    assert of_kind(found, ComponentKind.PYTHON)[0].owner == "musl"


def test_pacman() -> None:
    folder = "/var/lib/pacman/local/python-x-1:1.0-2"
    files: dict[str, Content] = {
        "/etc/os-release": "ID=arch\n",
        f"{folder}/desc": "%NAME%\npython-x\n\n%VERSION%\n1:1.0-2\n\n%LICENSE%\nGPL2\n\n%ARCH%\nany\n",
        f"{folder}/files": "%FILES%\nusr/\nusr/lib/x.egg-info/\n\n%BACKUP%\n",
        "/usr/lib/x.egg-info/PKG-INFO": "Name: x\nVersion: 1\n",
    }
    found = components(files, package_format="pacman", distro="archlinux")
    assert (
        of_kind(found, ComponentKind.PACKAGE)[0].purl == "pkg:alpm/arch/python-x@1:1.0-2?arch=any&distro=arch"
    )
    assert of_kind(found, ComponentKind.PYTHON)[0].owner == "python-x"


def test_hostile_words_become_one_line() -> None:
    status = "Package: a\x1b[31m\udcff\nStatus: install ok installed\nVersion: 1\x01\nArchitecture: all\n"
    (one,) = of_kind(
        components({**FILES, "/var/lib/dpkg/status": status}, allow_partial=True), ComponentKind.PACKAGE
    )
    assert one.name == "a [31m?" and "\x1b" not in one.purl and one.purl.isascii()
