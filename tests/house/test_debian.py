"""The Debian package's own files: what it depends on is what packages.apt names, and its version is ours."""

from __future__ import annotations

import re
import subprocess

from imgtools import __version__
from tests.house.source import ROOT, report
from tests.house.test_packages import packages
from tools.dependencies import FROM_DEBIAN, bundled, name_of

# In an environment of the package's own nothing makes another one.
NOT_WHEN_INSTALLED = {"python3-venv"}


def test_it_depends_on_what_users_need_and_on_nothing_else() -> None:
    words = [str(ROOT / "debian/make-environment"), "--depends", "packages.apt"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    must, may = (line.partition("=")[2].split(", ") for line in said.splitlines())
    names = {name for name in packages("packages.apt") if not name.endswith("?")} - NOT_WHEN_INSTALLED
    pythons = [one for one in must if one.startswith("python3 (")]
    assert len(pythons) == 2
    assert {*must, *may} - {*pythons, "libc6"} == names
    assert {"python3-guestfs", "qemu-utils", "supermin"} <= set(must)
    assert {"ntfs-3g", "rpm", "openscap-scanner"} <= set(may)


def test_its_version_is_that_of_imgtools() -> None:
    first = (ROOT / "debian" / "changelog").read_text().splitlines()[0]
    found = re.fullmatch(r"imgtools \(([^)]+)\) .*", first)
    assert found and found[1] == __version__


def test_it_brings_what_pypi_has_in_fixed_versions() -> None:
    fixed = (ROOT / "constraints.txt").read_text()
    wanted = {name_of(one) for one in [*bundled(), *bundled("fleet")]}
    assert not wanted & FROM_DEBIAN
    broken = [name for name in wanted if not re.search(rf"(?im)^{name.replace('-', '[-_.]')}==", fixed)]
    assert not broken, report("constraints.txt says which version the package brings", broken)
