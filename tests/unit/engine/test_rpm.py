"""A copied rpm database of any backend is one that librpm finds packages in by their names."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePath

import pytest

from imgtools.engine.rpm import librpm_macros
from imgtools.errors import EngineFailed
from tests.support.rpm_guest import DATABASES, Packed, rpm_database

pytestmark = pytest.mark.host

PACKAGES = {"tool": (Packed("/usr/bin/tool", b"1"),), "other": (Packed("/usr/bin/other", b"2"),)}


@pytest.mark.parametrize("backend", DATABASES)
def test_librpm_finds_by_name(backend: str, tmp_path: Path) -> None:
    name = PurePath(DATABASES[backend]).name
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / name).write_bytes(rpm_database(backend, PACKAGES, tmp_path))
    (tmp_path / ".rpmmacros").write_text(librpm_macros(copy, name))
    words = ["rpm", "-q", "--queryformat", "%{NAME} ", "tool", "other"]
    done = subprocess.run(
        words, env={"HOME": str(tmp_path), "PATH": "/usr/bin"}, capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == ("tool other ", 0), done.stderr
    absent = subprocess.run(
        ["rpm", "-q", "absent"], env={"HOME": str(tmp_path), "PATH": "/usr/bin"}, check=False
    )
    assert absent.returncode == 1


def test_a_damaged_one_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "Packages.db").write_bytes(b"RpmP" + bytes(5000))
    with pytest.raises(EngineFailed):
        librpm_macros(tmp_path, "Packages.db")
