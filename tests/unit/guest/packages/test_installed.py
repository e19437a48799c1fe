"""A package database that lost something says so."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from imgtools.guest.packages.installed import read_installed
from tests.support.memory import Content, directory, memory_files

STATUS, INFO = "/var/lib/dpkg/status", "/var/lib/dpkg/info"
BASH = "Package: bash\nStatus: install ok installed\nVersion: 5.2\n"
GONE = "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
NEVER = "Package: never\nStatus: unknown ok not-installed\n"
APK = "/lib/apk/db/installed"


@pytest.mark.parametrize(
    ("package_format", "files"),
    [
        (
            "deb",
            {STATUS: f"{BASH}\n{GONE}\n{NEVER}", f"{INFO}/bash.list": "/.\n", f"{INFO}/gone:amd64.list": ""},
        ),
        ("deb", {"/var/lib/dpkg/status.d/bash": "Package: bash\nVersion: 5.2\n"}),
        ("apk", {APK: "C:Q1=\nP:bash\nV:5.2-r1\n\n"}),
        ("pacman", {"/var/lib/pacman/local/bash-5.2-1/desc": "%NAME%\nbash\n\n%VERSION%\n5.2-1\n"}),
    ],
)
def test_a_whole_database(package_format: str, files: Mapping[str, Content]) -> None:
    found = read_installed(memory_files(dict(files)), package_format)
    assert [one.name for one in found.applications] == ["bash"] and found.damage == ()


@pytest.mark.parametrize(
    ("package_format", "files", "words"),
    [
        ("deb", {STATUS: f"{BASH}\nStatus: install ok installed\nVersion: 1\n"}, "1 of 2 entries"),
        ("deb", {STATUS: f"{BASH}\nPackage: x\nStatus: install ok installed\n"}, "1 of 2 entries"),
        ("deb", {STATUS: f"{BASH}\n\0\0\0\0\n"}, "1 of 2 entries"),
        (
            "deb",
            {STATUS: BASH, f"{INFO}/curl:amd64.list": "", f"{INFO}/bash.list": ""},
            "does not know curl,",
        ),
        ("deb", {STATUS: "", f"{INFO}/curl.list": ""}, "forgotten"),
        ("apk", {APK: "P:bash\nV:5.2-r1\n\nP:x\n\n"}, "1 of 2 entries"),
        ("pacman", {"/var/lib/pacman/local/bash-5.2-1": directory()}, "no description"),
        ("xbps", {"/var/db/xbps/pkgdb-0.38.plist": "<plist"}, "does not parse"),
        ("rpm", {"/var/lib/rpm/Packages.db": b"RpmP" + bytes(100)}, "cannot be read"),
    ],
)
def test_damage_is_told(package_format: str, files: Mapping[str, Content], words: str) -> None:
    found = read_installed(memory_files(dict(files)), package_format)
    assert len(found.damage) == 1 and words in found.damage[0].text, found.damage


def test_a_system_without_packages_is_whole() -> None:
    assert read_installed(memory_files({"/etc/passwd": ""}), "") == read_installed(
        memory_files({"/x": ""}), "nix"
    )
