"""The packages of a bill of materials are those that dpkg-query and rpm list themselves, of the same databases."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.fixtures import fixture_image
from tests.support.materials import cyclonedx_errors, spdx_errors

# dpkg's states in which a package is there and set up.
THERE = {"installed", "triggers-pending", "triggers-awaited"}
DATABASES = {
    "rocky": ("/var/lib/rpm", "rpmdb.sqlite", "sqlite"),
    "fedora": ("/usr/lib/sysimage/rpm", "rpmdb.sqlite", "sqlite"),
    "amazon": ("/var/lib/rpm", "Packages", "bdb_ro"),
    "rhel6": ("/var/lib/rpm", "Packages", "bdb_ro"),
}


def listed(image: Path) -> set[tuple[str, str, str]]:
    """Name, version and architecture of the packages of the distribution."""
    components = imgtools("sbom", "--json", image).data["components"]
    return {(one["name"], one["version"], one["arch"]) for one in components if one["kind"] == "package"}


def by_dpkg(image: Path, folder: Path) -> set[tuple[str, str, str]]:
    imgtools("copy-out", image, "/var/lib/dpkg", folder)
    layout = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"
    done = subprocess.run(
        ["dpkg-query", f"--admindir={folder / 'dpkg'}", "-W", "-f", layout],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {(name, version, arch) for state, name, version, arch in rows if state in THERE}


@pytest.mark.parametrize("name", ["debian", "ubuntu"])
def test_as_dpkg_query(name: str, tmp_path: Path) -> None:
    assert listed(fixture_image(name)) == by_dpkg(fixture_image(name), tmp_path)


@pytest.mark.real
def test_as_dpkg_query_on_a_real_debian(tmp_path: Path) -> None:
    image = fixture_image("real")
    assert listed(image) == by_dpkg(image, tmp_path)
    assert cyclonedx_errors(imgtools("sbom", image).out) is None
    assert spdx_errors(imgtools("sbom", "--as", "spdx", image).out, tmp_path) == []


@pytest.mark.parametrize("name", DATABASES)
def test_as_rpm(name: str, tmp_path: Path) -> None:
    folder, database, backend = DATABASES[name]
    imgtools("copy-out", fixture_image(name), f"{folder}/{database}", tmp_path)
    done = subprocess.run(
        ["rpm", f"--dbpath={tmp_path}", "--define", f"_db_backend {backend}", "--nosignature", "--nodigest", "-qa",
         "--queryformat", "%{NAME}\t%{EPOCHNUM}\t%{VERSION}-%{RELEASE}\t%{ARCH}\n"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert listed(fixture_image(name)) == {
        (name, version if epoch == "0" else f"{epoch}:{version}", "" if arch == "(none)" else arch)
        for name, epoch, version, arch in rows
    }
