"""Which packages a Linux guest uses, and what is installed. Nothing of the guest is executed.

What the package format is follows from the databases that are there, what the manager is from the programs that
are there; the distribution only decides where a guest has several (a Fedora with dpkg installed).
"""

from __future__ import annotations

from typing import NamedTuple

from imgtools.files.tree import GuestReader
from imgtools.guest.find.release import Release


class PackageFormat(NamedTuple):
    """A package format, where its database is, and whose home it is."""

    name: str  # libguestfs' word, where it has one
    databases: tuple[str, ...]
    families: tuple[str, ...]


RPM_FOLDERS = ("/usr/lib/sysimage/rpm", "/var/lib/rpm", "/usr/share/rpm")
RPM_FILES = ("rpmdb.sqlite", "Packages.db", "Packages")

FORMATS = (
    PackageFormat("deb", ("/var/lib/dpkg/status", "/var/lib/dpkg/status.d"), ("debian",)),
    PackageFormat(
        "rpm",
        tuple(f"{folder}/{name}" for folder in RPM_FOLDERS for name in RPM_FILES),
        ("fedora", "rhel", "suse", "mageia", "mandriva", "altlinux"),
    ),
    PackageFormat("pacman", ("/var/lib/pacman/local",), ("arch",)),
    PackageFormat("apk", ("/lib/apk/db/installed", "/usr/lib/apk/db/installed"), ("alpine",)),
    PackageFormat("xbps", ("/var/db/xbps",), ("void",)),
    PackageFormat("ebuild", ("/var/db/pkg",), ("gentoo",)),
    PackageFormat("nix", ("/nix/store", "/nix/var/nix/db"), ("nixos",)),
    PackageFormat("guix", ("/gnu/store",), ("guix",)),
    PackageFormat("eopkg", ("/var/lib/eopkg/package",), ("solus",)),
    PackageFormat("pisi", ("/var/lib/pisi/package",), ("pardus", "pisi")),
    PackageFormat("opkg", ("/usr/lib/opkg/status", "/var/lib/opkg/status"), ("openwrt",)),
    PackageFormat("pkgtools", ("/var/lib/pkgtools/packages", "/var/log/packages"), ("slackware",)),
)

# Program and manager, the first that is there wins. dnf5 may be installed as dnf: see _dnf.
MANAGERS = {
    "deb": (("apt-get", "apt"), ("apt", "apt")),
    "rpm": (
        ("zypper", "zypper"),
        ("dnf", "dnf"),
        ("dnf5", "dnf5"),
        ("dnf-3", "dnf"),
        ("tdnf", "tdnf"),
        ("microdnf", "dnf"),
        ("yum", "yum"),
        ("urpmi", "urpmi"),
        ("apt-get", "apt"),
        ("rpm-ostree", "rpm-ostree"),
        ("up2date", "up2date"),
    ),
    "opkg": (("opkg", "opkg"),),
}
# What the manager is when its program was not found: the format's own.
USUAL = {
    "deb": "apt",
    "pacman": "pacman",
    "apk": "apk",
    "xbps": "xbps",
    "ebuild": "portage",
    "nix": "nix",
    "guix": "guix",
    "eopkg": "eopkg",
    "pisi": "pisi",
    "opkg": "opkg",
    "pkgtools": "slackpkg",
}
PROGRAM_FOLDERS = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")


def find_package_format(files: GuestReader, release: Release) -> str:
    """Return the package format, ``deb``, ``rpm``, ``pacman`` ...; "" if there is no database."""
    families = release.families
    ordered = sorted(FORMATS, key=lambda form: not any(name in families for name in form.families))
    for form in ordered:
        if any(files.exists(path) for path in form.databases):
            return form.name
    home = ordered[0]
    return home.name if any(name in families for name in home.families) else ""


def find_package_manager(files: GuestReader, release: Release, package_format: str) -> str:
    """Return the program that people install packages with, ``apt``, ``dnf``, ``zypper`` ...; "" if unknown."""
    candidates = MANAGERS.get(package_format, ())
    if package_format == "rpm" and "suse" not in release.families:
        candidates = tuple(pair for pair in candidates if pair[0] != "zypper") + candidates[:1]
    for program, manager in candidates:
        path = _program(files, program)
        if path:
            return _dnf(files, path) if manager == "dnf" else manager
    return _usual_for_rpm(files, release) if package_format == "rpm" else USUAL.get(package_format, "")


def _program(files: GuestReader, name: str) -> str:
    return next((path for folder in PROGRAM_FOLDERS if files.exists(path := f"{folder}/{name}")), "")


def _dnf(files: GuestReader, path: str) -> str:
    """Tell dnf from dnf5: since Fedora 41 ``dnf`` is a link to it."""
    return "dnf5" if files.resolve(path).endswith("/dnf5") else "dnf"


def _usual_for_rpm(files: GuestReader, release: Release) -> str:
    """The manager by family and age, for a guest without its programs (an image of a container, a fixture)."""
    families, major = release.families, release.version[0]
    if "suse" in families:
        return "zypper"
    if {"mageia", "mandriva"}.intersection(families):
        return "urpmi"
    if "altlinux" in families:
        return "apt"
    if release.id == "fedora":
        return "dnf" if major >= 22 or not major else "yum"
    if release.id in RED_HAT_NUMBERS and 0 < major <= 4:
        return "up2date"
    # PLATFORM_ID came with modules, which only dnf knows; the newer databases came later still.
    modern = "PLATFORM_ID" in release.fields or not files.exists("/var/lib/rpm/Packages")
    return "dnf" if modern else "yum"


# Who counts as Red Hat Enterprise Linux does: version 2 of Amazon Linux is not version 2 of RHEL.
RED_HAT_NUMBERS = frozenset({"rhel", "centos", "scientific", "ol"})
