"""A folder with the root of a system in the place of an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small system, with links that lead out for whoever follows them on the host."""
    folder = tmp_path / "root"
    files = {
        "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n', "etc/hostname": "inside\n",
        "etc/passwd": "root:x:0:0::/root:/bin/bash\n", "usr/bin/true": "", "etc/debian_version": "12.5\n",
        "var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5.2-1\nArchitecture: amd64\n",
        "etc/fstab": "UUID=d0d0d0d0-0001-4000-8000-000000000a01 / ext4 defaults 0 1\n",
    }  # fmt: skip
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    (folder / "absolute").symlink_to("/etc/hostname")
    (folder / "up").symlink_to("../../../../../../etc/hostname")
    (folder / "bin").symlink_to("usr/bin")
    return folder


def test_its_files_are_read_and_links_stay_inside(root: Path) -> None:
    for path in ("/etc/hostname", "/absolute", "/up"):
        assert imgtools("cat", root, path).out == "inside\n"
    assert "hostname" in imgtools("ls", root, "/etc").out
    assert "/etc/hostname" in imgtools("find", root, "/etc").out
    assert imgtools("cat", f"{root}/", "/etc/hostname").out == "inside\n"


def test_what_is_known_of_a_system_is_known_of_it(root: Path) -> None:
    os = imgtools("inspect", "--json", root).data["guests"][0]["os"]
    assert (os["distro"], os["major"], os["product_name"]) == ("debian", 12, "Debian 12")
    assert imgtools("audit", "--json", root, code=None).json["ok"]
    assert "bash" in imgtools("sbom", root, code=None).out
    assert imgtools("diagnose", "--json", root, code=None).json["ok"]


def test_info_says_what_it_is(root: Path) -> None:
    told = imgtools("info", "--json", root).data["disks"][0]
    assert (told["host_path"], told["format"], told["source"]["kind"]) == (str(root), "folder", "folder")


def test_nothing_writes_to_it(root: Path, tmp_path: Path) -> None:
    before = {path: path.lstat().st_mtime_ns for path in root.rglob("*")}
    words = ("edit", root, "/etc/hostname", "-e", "s/in/out/")
    assert imgtools(*words, "--json").data["changes"]
    for more in (("--write",), ("--output", tmp_path / "new.qcow2")):
        assert f"{root} is a folder, and only read" in imgtools(*words, *more, code=14).err
    assert {path: path.lstat().st_mtime_ns for path in root.rglob("*")} == before


def test_what_cannot_be_said_of_a_folder_says_so(root: Path, tmp_path: Path) -> None:
    assert "no filesystem of its own" in imgtools("df", root, code=14).err
    for words in (("map", root), ("check", root), ("measure", root), ("convert", root, tmp_path / "x.raw")):
        assert f"{root} is a folder: it has no disks" in imgtools(*words, code=14).err
    assert "nothing is booted for" in imgtools("cat", root, "/x", "--engine", "appliance", code=2).err
    assert "it has no disks, no format" in imgtools("cat", root, "/x", "--format", "raw", code=2).err


def test_a_device_or_a_pipe_in_it_is_not_read(root: Path) -> None:
    import os

    os.mkfifo(root / "pipe")
    assert "not a" in imgtools("cat", root, "/pipe", code=25).err


def test_a_folder_without_a_system_is_named(tmp_path: Path) -> None:
    assert "is a directory" in imgtools("inspect", tmp_path, code=10).err
    (tmp_path / "home").mkdir()
    assert "no operating system" in imgtools("inspect", tmp_path, code=21).err
