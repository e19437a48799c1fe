"""Package format and manager follow from what is there; the distribution only breaks ties."""

from __future__ import annotations

import pytest

from imgtools.guest.find.release import Release
from imgtools.guest.packages.database import find_package_format, find_package_manager
from tests.support.memory import Content, directory, link, memory_files

RPM = "/var/lib/rpm/rpmdb.sqlite"
DPKG = "/var/lib/dpkg/status"
CASES: dict[str, tuple[Release, dict[str, Content], str, str]] = {
    "debian": (Release("debian"), {DPKG: "", "/usr/bin/apt-get": ""}, "deb", "apt"),
    "debian with rpm": (Release("debian"), {DPKG: "", RPM: "", "/usr/bin/apt-get": ""}, "deb", "apt"),
    "fedora with dpkg": (
        Release("fedora", version=(39, 0)),
        {DPKG: "", RPM: "", "/usr/bin/dnf": ""},
        "rpm",
        "dnf",
    ),
    "fedora 41": (
        Release("fedora", version=(41, 0)),
        {"/usr/lib/sysimage/rpm/rpmdb.sqlite": "", "/usr/bin/dnf": link("dnf5"), "/usr/bin/dnf5": ""},
        "rpm",
        "dnf5",
    ),
    "rocky 9": (
        Release("rocky", ("rhel", "fedora")),
        {RPM: "", "/usr/bin/dnf": link("dnf-3"), "/usr/bin/dnf-3": "", "/usr/bin/yum": link("dnf-3")},
        "rpm",
        "dnf",
    ),
    "centos 7": (
        Release("centos", version=(7, 9)),
        {"/var/lib/rpm/Packages": "", "/usr/bin/yum": ""},
        "rpm",
        "yum",
    ),
    "rhel 4": (Release("rhel", version=(4, 8)), {"/var/lib/rpm/Packages": ""}, "rpm", "up2date"),
    "amazon 2 without programs": (
        Release("amzn", ("centos", "rhel", "fedora"), version=(2, 0)),
        {"/var/lib/rpm/Packages": ""},
        "rpm",
        "yum",
    ),
    "rocky 8 without programs": (
        Release("rocky", ("rhel",), version=(8, 9), fields={"PLATFORM_ID": "platform:el8"}),
        {"/var/lib/rpm/Packages": ""},
        "rpm",
        "dnf",
    ),
    "rocky 9 without programs": (Release("rocky", ("rhel",), version=(9, 3)), {RPM: ""}, "rpm", "dnf"),
    "opensuse with dnf": (
        Release("opensuse-leap", ("suse",)),
        {"/usr/lib/sysimage/rpm/Packages.db": "", "/usr/bin/zypper": "", "/usr/bin/dnf": ""},
        "rpm",
        "zypper",
    ),
    "photon": (Release("photon"), {RPM: "", "/usr/bin/tdnf": "", "/usr/bin/yum": ""}, "rpm", "tdnf"),
    "alt": (Release("altlinux"), {"/var/lib/rpm/Packages": "", "/usr/bin/apt-get": ""}, "rpm", "apt"),
    "mageia": (Release("mageia"), {RPM: "", "/usr/sbin/urpmi": ""}, "rpm", "urpmi"),
    "arch": (Release("arch"), {"/var/lib/pacman/local": directory()}, "pacman", "pacman"),
    "alpine": (Release("alpine"), {"/lib/apk/db/installed": ""}, "apk", "apk"),
    "void": (Release("void"), {"/var/db/xbps": directory()}, "xbps", "xbps"),
    "gentoo": (Release("gentoo"), {"/var/db/pkg": directory()}, "ebuild", "portage"),
    "nixos": (Release("nixos"), {"/nix/store": directory()}, "nix", "nix"),
    "nothing at all": (Release(), {}, "", ""),
    "a debian without a database": (Release("debian"), {}, "deb", "apt"),
}


@pytest.mark.parametrize("name", CASES)
def test_format_and_manager(name: str) -> None:
    release, files, package_format, manager = CASES[name]
    reader = memory_files(files)
    assert find_package_format(reader, release) == package_format
    assert find_package_manager(reader, release, package_format) == manager
