"""The source archive and the wheel: whole, and at work with nothing of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from imgtools import __version__
from tests.house.source import ROOT, tracked_files

# What is not for users of the package.
FIRST = f"imgtools-{__version__}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and with the wheel that was built from that."""
    folder = tmp_path_factory.mktemp("built")
    copy = folder / "copy"
    for path in tracked_files():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_bytes((ROOT / path).read_bytes())
    subprocess.run([sys.executable, "-m", "build", "--outdir", folder, copy], check=True)
    return folder


def test_they_hold_every_file_of_the_package(built: Path) -> None:
    wanted = {str(path) for path in tracked_files() if path.parts[0] == "imgtools"}
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        assert wanted == {name for name in wheel.namelist() if name.startswith("imgtools/")}
    with tarfile.open(built / f"{FIRST}.tar.gz") as archive:
        names = {name.removeprefix(f"{FIRST}/") for name in archive.getnames()}
    assert wanted | {"LICENSE", "README.md", "pyproject.toml"} <= names


def test_the_wheel_works_where_it_is_unpacked(built: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "here")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/hostname").write_text("web1\n")
    program = (
        "import sys, imgtools; assert imgtools.__file__.startswith(sys.argv.pop(1)), imgtools.__file__; "
        "from imgtools.__main__ import main; main()"
    )
    for words, said in (
        (["make", "disk.qcow2", "--from", "tree", "--type", "ext4", "--size", "64M"], ""),
        (["cat", "-m", "/dev/sda", "disk.qcow2", "/hostname"], "web1\n"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "here"), *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path / "here"), "PYTHONSAFEPATH": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.returncode and said in done.stdout, done.stderr
