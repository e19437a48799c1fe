"""Installed packages of every format, and databases that are damaged."""

from __future__ import annotations

import re
import sqlite3
import struct
import tempfile
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from fixtures import rpmdb
from imgtools.errors import OddGuest
from imgtools.guest.packages.applications import (
    find_rpm_database,
    list_applications,
    rpm_database_damage,
    split_version,
)
from imgtools.records.packages import Application
from tests.support.memory import memory_files

DPKG = """\
Package: adduser
Status: install ok installed
Maintainer: Debian Adduser Developers <adduser@packages.debian.org>
Architecture: all
Version: 3.134
Description: add and remove users and groups
 This package includes the 'adduser' command.
 .
  - 'adduser' creates new users.
Homepage: https://example.org/adduser

Package: bind9-host
Status: hold ok installed
Architecture: amd64
Source: bind9 (1:9.18.24-1)
Version: 1:9.18.24-1+b1
Conffiles:
 /etc/x 0123456789abcdef

Package: gone
Status: deinstall ok config-files
Version: 1.0-1

Package: half
Status: install ok unpacked
Version: 1.0-1

Package: libc-bin
Status: install ok triggers-pending
Version: 2.36-9+deb12u4
"""


def test_dpkg_lists_what_is_installed() -> None:
    found = list_applications(memory_files({"/var/lib/dpkg/status": DPKG}), "deb")
    assert [one.name for one in found] == ["adduser", "bind9-host", "libc-bin"]
    assert found[0] == Application(
        name="adduser",
        version="3.134",
        arch="all",
        publisher="Debian Adduser Developers <adduser@packages.debian.org>",
        url="https://example.org/adduser",
        summary="add and remove users and groups",
        description="This package includes the 'adduser' command.\n\n - 'adduser' creates new users.",
    )
    host = found[1]
    assert (host.epoch, host.version, host.release, host.source_package) == (1, "9.18.24", "1+b1", "bind9")


def test_distroless_has_one_file_a_package() -> None:
    folder = "/var/lib/dpkg/status.d"
    files = {
        f"{folder}/base": "Package: base-files\nVersion: 12.4\n",
        f"{folder}/base.md5sums": "0123  usr/x\n",
    }
    (found,) = list_applications(memory_files(files), "deb")
    assert (found.name, found.version) == ("base-files", "12.4")


def test_apk() -> None:
    text = (
        "C:Q1abc=\nP:busybox\nV:1.36.1-r15\nA:x86_64\nT:Size optimized toolbox\nU:https://busybox.net/\n"
        "o:busybox\nm:A B <a@b>\nF:bin\n\nP:musl\nV:1.2.4-r2\n"
    )
    first, second = list_applications(memory_files({"/lib/apk/db/installed": text}), "apk")
    assert (first.name, first.version, first.release, first.arch) == ("busybox", "1.36.1", "15", "x86_64")
    assert (first.summary, first.url, first.publisher) == (
        "Size optimized toolbox",
        "https://busybox.net/",
        "A B <a@b>",
    )
    assert second.name == "musl"


def test_pacman() -> None:
    folder = "/var/lib/pacman/local"
    desc = "%NAME%\nlinux\n\n%VERSION%\n6.6.8.arch1-1\n\n%DESC%\nThe kernel\n\n%ARCH%\nx86_64\n\n%LICENSE%\nGPL2\n\n"
    files = {
        f"{folder}/ALPM_DB_VERSION": "9\n",
        f"{folder}/linux-6.6.8.arch1-1/desc": desc,
        f"{folder}/vi-1:9.0-2/desc": "%NAME%\nvi\n\n%VERSION%\n1:9.0-2\n",
        f"{folder}/broken-1-1/files": "",
    }
    linux, vi = list_applications(memory_files(files), "pacman")
    assert (linux.version, linux.release, linux.arch, linux.summary) == (
        "6.6.8.arch1",
        "1",
        "x86_64",
        "The kernel",
    )
    assert (vi.epoch, vi.version, vi.release) == (1, "9.0", "2")


def test_xbps_portage_and_slackware() -> None:
    plist = (
        '<?xml version="1.0"?><plist version="1.0"><dict><key>_XBPS_ALTERNATIVES_</key><dict/>'
        "<key>bash</key><dict><key>pkgver</key><string>bash-5.2.21_1</string><key>architecture</key>"
        "<string>x86_64</string></dict></dict></plist>"
    )
    (bash,) = list_applications(memory_files({"/var/db/xbps/pkgdb-0.38.plist": plist}), "xbps")
    assert (bash.name, bash.version, bash.release, bash.arch) == ("bash", "5.2.21", "1", "x86_64")
    files = {"/var/db/pkg/sys-apps/util-linux-2.39.2-r1/SLOT": "", "/var/db/pkg/app-editors/vim-9.0/SLOT": ""}
    assert [
        (one.name, one.version, one.release) for one in list_applications(memory_files(files), "ebuild")
    ] == [
        ("app-editors/vim", "9.0", ""),
        ("sys-apps/util-linux", "2.39.2", "r1"),
    ]
    (slack,) = list_applications(memory_files({"/var/log/packages/aaa_base-14.2-x86_64-1": ""}), "pkgtools")
    assert (slack.name, slack.version, slack.arch, slack.release) == ("aaa_base", "14.2", "x86_64", "1")


PACKAGES = """\
Example Linux
bash 5.1.8-6.el9 x86_64 The GNU Bourne Again shell
bind-utils 32:9.16.23-14.el9 x86_64 Utilities for querying DNS name servers
tzdata 2023c-1.el9 noarch Timezone data
"""


@pytest.mark.host
@pytest.mark.parametrize(
    ("backend", "folder"),
    [
        ("sqlite", "/var/lib/rpm"),
        ("sqlite", "/usr/lib/sysimage/rpm"),
        ("bdb", "/var/lib/rpm"),
        ("ndb", "/usr/lib/sysimage/rpm"),
    ],
)
def test_rpm_of_every_backend(backend: str, folder: str, tmp_path: Path) -> None:
    files = rpmdb.build(backend, PACKAGES, tmp_path)
    found = list_applications(memory_files({f"{folder}/{name}": data for name, data in files.items()}), "rpm")
    assert [(one.name, one.epoch, one.version, one.release, one.arch) for one in found] == [
        ("bash", 0, "5.1.8", "6.el9", "x86_64"),
        ("bind-utils", 32, "9.16.23", "14.el9", "x86_64"),
        ("tzdata", 0, "2023c", "1.el9", "noarch"),
    ]
    assert (found[0].publisher, found[0].summary) == ("Example Linux", "The GNU Bourne Again shell")


def test_an_empty_rpm_database_left_by_a_migration_is_passed_over() -> None:
    files = memory_files({"/usr/lib/sysimage/rpm/rpmdb.sqlite": "", "/var/lib/rpm/Packages": "x"})
    assert find_rpm_database(files) == ("/var/lib/rpm", "Packages")


# A page of slots with one package, whose blob begins and ends.
CUT_NDB = (
    b"RpmP"
    + struct.pack("<III", 0, 1, 1)
    + bytes(16)
    + struct.pack("<4sIII", b"Slot", 1, 256, 1)
    + bytes(4048)
    + b"BlbS"
)


@pytest.mark.host
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/var/lib/rpm/rpmdb.sqlite", b"SQLite format 3\0" + b"\xff" * 5000),
        ("/var/lib/rpm/rpmdb.sqlite", b"not a database at all"),
        ("/var/lib/rpm/Packages", b"not a database at all"),
        ("/usr/lib/sysimage/rpm/Packages.db", b"RpmP" + b"\xff" * 8000),
        ("/usr/lib/sysimage/rpm/Packages.db", CUT_NDB),
    ],
)
def test_a_damaged_rpm_database_is_an_odd_guest(path: str, content: bytes) -> None:
    with pytest.raises(OddGuest, match="rpm database"):
        list_applications(memory_files({path: content}), "rpm")


@pytest.mark.host
def test_every_damaged_copy_of_an_ndb_database_ends_in_packages_or_an_odd_guest(tmp_path: Path) -> None:
    good = rpmdb.build("ndb", PACKAGES, tmp_path)["Packages.db"]
    for at in range(0, len(good), 61):
        broken = good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :]
        try:
            list_applications(memory_files({"/var/lib/rpm/Packages.db": broken}), "rpm")
        except OddGuest:
            pass


@pytest.mark.host
def test_no_copy_of_the_database_is_left_on_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OddGuest):
        list_applications(memory_files({"/var/lib/rpm/rpmdb.sqlite": b"x" * 5000}), "rpm")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "Package: x\n" * 20_000,
        "\n" * 200_000,
        "Package: " + "x" * 500_000 + "\n" + " y\n" * 100_000,
        "Description:" + "\n " * 200_000,
        "\0\xff" * 100_000,
    ],
    ids=["repeated", "empty", "long", "folded", "binary"],
)
def test_a_hostile_dpkg_status_takes_no_more_than_its_own_size_times_a_few(text: str) -> None:
    files = memory_files({"/var/lib/dpkg/status": text})
    tracemalloc.start()
    list_applications(files, "deb")
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * len(text) + (1 << 20)


def test_a_bomb_of_entities_in_a_property_list_is_refused() -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><plist><dict/></plist>'
    with pytest.raises(OddGuest, match="does not parse"):
        list_applications(memory_files({"/var/db/xbps/pkgdb-0.38.plist": bomb}), "xbps")


def test_versions_split_as_dpkg_does() -> None:
    assert split_version("1:2.3-4-5") == (1, "2.3-4", "5")
    assert split_version("2.3") == (0, "2.3", "")
    assert split_version("x:y") == (0, "x:y", "")


def test_an_unknown_format_has_no_packages() -> None:
    assert list_applications(memory_files({}), "nix") == ()


# -- rpm's own check -----------------------------------------------------------------------------------------


@pytest.mark.host
@pytest.mark.parametrize("backend", ["sqlite", "bdb", "ndb"])
def test_nothing_is_wrong_with_a_sound_rpm_database(backend: str, tmp_path: Path) -> None:
    files = rpmdb.build(backend, PACKAGES, tmp_path)
    assert (
        rpm_database_damage(memory_files({f"/var/lib/rpm/{one}": made for one, made in files.items()})) == ""
    )
    assert rpm_database_damage(memory_files({})) == ""


@pytest.mark.host
@pytest.mark.parametrize("table", ["Name_key_idx", "Packages"])
def test_a_damaged_index_is_seen_though_every_package_is_read(table: str, tmp_path: Path) -> None:
    good = rpmdb.build("sqlite", PACKAGES, tmp_path)["rpmdb.sqlite"]
    (tmp_path / "copy").write_bytes(good)
    with closing(sqlite3.connect(tmp_path / "copy")) as opened:
        (size,) = opened.execute("PRAGMA page_size").fetchone()
        (page,) = opened.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    files = memory_files(
        {"/var/lib/rpm/rpmdb.sqlite": good[: (page - 1) * size] + bytes(size) + good[page * size :]}
    )
    assert re.search("malformed|btreeInitPage", rpm_database_damage(files))
    if table != "Packages":
        assert len(list_applications(files, "rpm")) == 3
